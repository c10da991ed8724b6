# The jobs by libvips through pyvips: `python3 vips.py INPUTS` prints medians as JSON. One worker, no cache of
# operations. Warm: the base is decoded and fitted, the hat decoded, sized and turned, both in memory.
import os

os.environ["VIPS_CONCURRENCY"] = "1"

import pyvips

from harness import Unsupported, report

pyvips.cache_set_max(0)


def base_of(job, data):
    side = job["canvas"]
    if str(side) in job["base"]:
        return pyvips.Image.new_from_buffer(data, "", access="sequential")
    return pyvips.Image.thumbnail_buffer(data, side, height=side)  # shrinks while it reads


def hat_of(job, data):
    width, height = job["hat"]
    hat = pyvips.Image.new_from_buffer(data, "").premultiply()
    hat = hat.resize(width / hat.width, vscale=height / hat.height, kernel="lanczos3")
    if "turn" in job:
        hat = hat.similarity(angle=job["turn"]["degrees"], interpolate=pyvips.Interpolate.new("bicubic"))
        hat = hat * job["turn"]["opacity"]
    return hat.unpremultiply().cast("uchar").copy(interpretation="srgb")


def blend(job, base, hat, dx):
    left, top = job["turn"]["box"] if "turn" in job else job["at"]
    mode = job["turn"]["blend"] if "turn" in job else "over"
    return base.composite2(hat, mode, x=left + dx, y=top)


def encode(job, picture, fast):
    match job["format"]:
        case "jpg":
            return picture.flatten().write_to_buffer(".jpg", Q=80)
        case "png":
            return picture.write_to_buffer(".png", compression=1 if fast else 6)
        case "webp":
            return picture.write_to_buffer(".webp", Q=80, effort=4)
    try:
        return picture.flatten().write_to_buffer(".avif", Q=50, effort=3)  # effort 3 is speed 6
    except pyvips.Error as error:
        raise Unsupported("its build writes no AVIF") from error


def make(job, base_file, hat_file, fast):
    base, hat = base_of(job, base_file).copy_memory(), hat_of(job, hat_file).copy_memory()

    def cold(dx):
        return encode(job, blend(job, base_of(job, base_file), hat_of(job, hat_file), dx), fast)

    def warm(dx):
        return encode(job, blend(job, base, hat, dx), fast)

    return cold, warm


report("libvips", f"{pyvips.version(0)}.{pyvips.version(1)}.{pyvips.version(2)}", make)
