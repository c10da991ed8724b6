# The benchmark's input pictures, the same on every machine, none of them committed:
#   python3 inputs.py SCIKIT_IMAGE_WHEEL FOLDER
# The bases are a free photograph that the scikit-image wheel carries, enlarged and given a grain from a fixed seed,
# since a smooth enlargement is easier to compress than any photograph. The hat is drawn here: flat cloth with a grain
# and a soft edge, on transparent ground, like a cut-out.
import io
import random
import sys
import zipfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

SEED = 20
GRAIN = 0.05  # share of uniform noise: a standard deviation of about 4 of 255
SOFT_EDGE = 3  # radius in pixels


def photograph(wheel, side):
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read("skimage/data/astronaut.png")
    photo = Image.open(io.BytesIO(data)).convert("RGB")
    return grained(photo.resize((side, side), Image.Resampling.BICUBIC))


def grained(picture):
    """Grey noise, the same in every channel."""
    width, height = picture.size
    noise = Image.frombytes("L", picture.size, random.Random(SEED).randbytes(width * height))
    return Image.blend(picture, Image.merge("RGB", (noise, noise, noise)), GRAIN)


def vignetted(photo):
    """Soft transparent corners: an RGBA base has its alpha channel for a reason."""
    alpha = Image.new("L", photo.size, 0)
    box = (8, 8, photo.width - 9, photo.height - 9)
    ImageDraw.Draw(alpha).rounded_rectangle(box, radius=photo.width // 6, fill=255)
    photo.putalpha(alpha.filter(ImageFilter.GaussianBlur(SOFT_EDGE)))
    return photo


def hat(width=1200, height=900):
    shape = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(shape)
    draw.ellipse((10, 640, width - 10, height - 10), fill=255)
    draw.rounded_rectangle((260, 20, width - 260, 800), radius=60, fill=255)
    cloth = Image.linear_gradient("L").resize((width, height))
    colours = Image.merge("RGB", [cloth.point([low + value // 4 for value in range(256)]) for low in (40, 30, 70)])
    ImageDraw.Draw(colours).rectangle((260, 560, width - 260, 680), fill=(170, 30, 50))
    picture = grained(colours)
    picture.putalpha(shape.filter(ImageFilter.GaussianBlur(SOFT_EDGE)))
    # What cannot be seen is black, as every editor writes it.
    return Image.composite(picture, Image.new("RGBA", picture.size), shape.filter(ImageFilter.MaxFilter(15)))


def main(wheel, folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for side in (1024, 2048):
        photo = photograph(wheel, side)
        photo.save(folder / f"base-{side}.jpg", quality=90, subsampling=2)
    vignetted(photograph(wheel, 1024)).save(folder / "base-1024.png")
    hat().save(folder / "hat.png")


main(*sys.argv[1:])
