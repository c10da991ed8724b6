# How good the lossy files are, and whether the peers drew the same picture: `python3 quality.py OUTPUTS` prints JSON.
# "encoders": ours and Pillow's encoding of the very same pixels (reference-JOB.png) at the same setting, by bytes, PSNR
# and SSIM. "agreement": PSNR of every peer's picture against ours; a peer far off did not do the job.
import io
import json
import sys
from pathlib import Path

import numpy
from PIL import Image

OUTPUTS = Path(sys.argv[1])
SAVE = {
    "jpg": {"format": "JPEG", "quality": 80, "subsampling": 2},
    "webp": {"format": "WEBP", "quality": 80, "method": 4},
    "avif": {"format": "AVIF", "quality": 50, "speed": 6, "subsampling": "4:2:0", "max_threads": 1},
}


def pixels(file):
    """RGB on white: what an eye would see, whatever is under transparent pixels."""
    picture = Image.open(file).convert("RGBA")
    ground = Image.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture)
    return numpy.asarray(ground.convert("RGB"), dtype=numpy.float64)


def psnr(a, b):
    error = numpy.mean((a - b) ** 2)
    return 99.0 if error == 0 else 10 * numpy.log10(255**2 / error)


def windows(plane, side=8):
    """Means over every square window."""
    sums = numpy.pad(plane.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2


def ssim(a, b):
    """Wang et al. 2004 on luma, with uniform windows of 8 pixels."""
    x, y = (picture @ [0.299, 0.587, 0.114] for picture in (a, b))
    mx, my = windows(x), windows(y)
    vx, vy, cov = windows(x * x) - mx**2, windows(y * y) - my**2, windows(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return numpy.mean((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))


def quality(reference, file):
    data = file.getvalue() if isinstance(file, io.BytesIO) else file.read_bytes()
    seen = pixels(io.BytesIO(data))
    return {"bytes": len(data), "psnr": psnr(reference, seen), "ssim": ssim(reference, seen)}


def by_pillow(reference, extension):
    out = io.BytesIO()
    picture = Image.open(reference)
    picture.convert("RGBA" if extension == "webp" else "RGB").save(out, **SAVE[extension])
    return out


def encoders():
    found = {}
    for reference in sorted(OUTPUTS.glob("reference-*.png")):
        job = reference.stem.removeprefix("reference-")
        for ours in OUTPUTS.glob(f"milliner-{job}.*"):
            if ours.suffix[1:] in SAVE:
                exact = pixels(reference)
                theirs = quality(exact, by_pillow(reference, ours.suffix[1:]))
                found[job] = {"ours": quality(exact, ours), "pillow": theirs}
    return found


def agreement():
    found = {}
    for ours in sorted(OUTPUTS.glob("milliner-J*")):
        exact = pixels(ours)
        job = ours.stem.removeprefix("milliner-")
        for theirs in sorted(OUTPUTS.glob(f"*-{job}.*")):
            if not theirs.stem.startswith(("milliner-J", "reference-")):
                found[theirs.stem] = psnr(exact, pixels(theirs))
    return found


print(json.dumps({"encoders": encoders(), "agreement": agreement()}))
