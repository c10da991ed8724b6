# The jobs by Pillow: `python3 pillow.py INPUTS` prints medians as JSON. Pillow has one thread. Warm: the base is
# decoded and fitted, the hat decoded, sized and turned; what is left is blending and encoding.
import io

from PIL import Image, ImageChops, __version__

from harness import report

LANCZOS = Image.Resampling.LANCZOS


def base_of(job, data):
    picture = Image.open(io.BytesIO(data))
    side = job["canvas"]
    if picture.size != (side, side):
        picture.draft("RGB", (side, side))  # the decoder may shrink while it reads
        picture = picture.resize((side, side), LANCZOS)
    picture.load()
    return picture


def hat_of(job, data):
    hat = Image.open(io.BytesIO(data)).resize(tuple(job["hat"]), LANCZOS)
    turn = job.get("turn")
    if turn:
        hat = hat.rotate(-turn["degrees"], Image.Resampling.BICUBIC, expand=True)
        hat.putalpha(hat.getchannel("A").point([round(value * turn["opacity"]) for value in range(256)]))
    return hat


def blend(job, base, hat, dx):
    left, top = job["turn"]["box"] if "turn" in job else job["at"]
    at = (left + dx, top)
    if "turn" in job:
        multiply(base, hat, at)
    elif base.mode == "RGBA":
        base.alpha_composite(hat, at)
    else:
        base.paste(hat, at, hat)
    return base


def multiply(base, hat, at):
    """Compositing and Blending Level 1: mix with the product where there is a backdrop, then source over."""
    under = base.crop((*at, at[0] + hat.width, at[1] + hat.height))
    product = ImageChops.multiply(under.convert("RGB"), hat.convert("RGB"))
    mixed = Image.composite(product, hat.convert("RGB"), under.getchannel("A"))
    mixed.putalpha(hat.getchannel("A"))
    base.alpha_composite(mixed, at)


def encode(job, picture, fast):
    out = io.BytesIO()
    match job["format"]:
        case "jpg":
            picture.save(out, "JPEG", quality=80, subsampling=2)
        case "png":
            picture.save(out, "PNG", compress_level=1 if fast else 6)
        case "webp":
            picture.save(out, "WEBP", quality=80, method=4)
        case "avif":
            picture.save(out, "AVIF", quality=50, speed=6, subsampling="4:2:0", max_threads=1)
    return out.getvalue()


def make(job, base_file, hat_file, fast):
    base, hat = base_of(job, base_file), hat_of(job, hat_file)

    def cold(dx):
        return encode(job, blend(job, base_of(job, base_file), hat_of(job, hat_file), dx), fast)

    def warm(dx):
        return encode(job, blend(job, base.copy(), hat, dx), fast)

    return cold, warm


report("pillow", __version__, make)
