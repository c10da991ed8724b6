# What the Python peers share: the jobs, the clock, and the report they print. Times are processor time of the whole
# process in milliseconds, since the machine may have other work; each figure is the median of ROUNDS runs after a
# warm-up. The overlay moves a pixel from run to run. Scripts are started as
#   python3 PEER.py INPUTS [J1,J2,… [ROUNDS]]
import json
import statistics
import sys
import time
from pathlib import Path

ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 15
WARM_UP = 2
# What is short is measured oftener: this many milliseconds of it.
LEAST_MS = 1000
STEPS = 16  # the overlay's positions, a pixel apart

INPUTS = Path(sys.argv[1])
WANTED = sys.argv[2].split(",") if len(sys.argv) > 2 else None
JOBS = json.loads((Path(__file__).parent / "jobs.json").read_text())


class Unsupported(Exception):
    """The peer has no call for this job."""


def median(render):
    for run in range(WARM_UP):
        data = render(run % STEPS)
    times = []
    while len(times) < ROUNDS or sum(times) < LEAST_MS:
        run = len(times)
        start = time.process_time_ns()
        render(run % STEPS)
        times.append((time.process_time_ns() - start) / 1e6)
    return statistics.median(times)


def outcome(name, label, job, make, fast):
    """Cold and warm medians, and the file for a look; or why there are none."""
    try:
        cold, warm = make(job, read(job["base"]), read("hat.png"), fast)
        data = cold(0)
        outputs = INPUTS.parent / "outputs"
        outputs.mkdir(exist_ok=True)
        (outputs / f"{name}-{label.replace(' ', '-')}.{job['format']}").write_bytes(data)
        return {"cold": median(cold), "warm": median(warm), "bytes": len(data)}
    except Unsupported as reason:
        return {"missing": str(reason)}


def read(name):
    return (INPUTS / name).read_bytes()


def report(name, version, make):
    """`make` gives two functions of the overlay's offset: cold from file bytes, warm from pixels at their size."""
    jobs = {}
    for label, job in JOBS.items():
        if WANTED and label not in WANTED:
            continue
        jobs[label] = outcome(name, label, job, make, False)
        if job["format"] == "png":
            jobs[f"{label} fast"] = outcome(name, label + " fast", job, make, True)
    print(json.dumps({"version": version, "jobs": jobs}))
