"""Makes the foreign files among the inputs from ../../../../fuzz/assets/photo.jpg: what an import has to convert."""

import struct

from PIL import Image

photo = Image.open("../../../../fuzz/assets/photo.jpg").convert("RGB")
large = photo.resize((288, 216), Image.Resampling.BICUBIC)


def fixed(value):
    return struct.pack(">i", round(value * 65536))


def xyz(x, y, z):
    return b"XYZ \0\0\0\0" + fixed(x) + fixed(y) + fixed(z)


def display_p3():
    """A version 4 profile: Display P3's primaries adapted to D50, the tone curve of sRGB."""
    curve = b"para\0\0\0\0\0\3\0\0" + b"".join(map(fixed, [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045]))
    name = "P3".encode("utf-16-be")
    text = b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(name), 28) + name
    tags = [
        (b"desc", text),
        (b"wtpt", xyz(0.9642, 1.0, 0.8249)),
        (b"rXYZ", xyz(0.5151, 0.2412, -0.0011)),
        (b"gXYZ", xyz(0.2919, 0.6922, 0.0419)),
        (b"bXYZ", xyz(0.1571, 0.0666, 0.7841)),
        (b"rTRC", curve),
        (b"gTRC", curve),
        (b"bTRC", curve),
    ]
    at, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for tag, value in tags:
        table += tag + struct.pack(">II", at + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    header = struct.pack(">I4sI4s4s4s12s4s4sI4s4sQI", at + len(data), b"\0\0\0\0", 0x04000000, b"mntr", b"RGB ",
                         b"XYZ ", bytes(12), b"acsp", b"\0\0\0\0", 0, b"\0\0\0\0", b"\0\0\0\0", 0, 0)
    header += fixed(0.9642) + fixed(1.0) + fixed(0.8249)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


exif = Image.Exif()
exif[0x0112] = 6  # turn it clockwise
large.save("turned-p3.jpg", quality=70, exif=exif, icc_profile=display_p3())
photo.convert("CMYK").save("cmyk.jpg", quality=85)
large.save("progressive-422.jpg", quality=70, progressive=True, subsampling="4:2:2")
photo.quantize(32).save("palette.gif")
photo.save("lossy.webp", quality=70, method=6)
grey = photo.resize((36, 27)).convert("I")
grey.point(lambda value: value * 257).convert("I;16").save("deep.png")
