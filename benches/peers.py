"""Times demosaic peers and our own tiers in turn; called by benches/peers, which says how."""

import glob
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import cv2
import numpy

WIDTH, HEIGHT, BITS, ROUNDS, REPEATS = 4000, 3000, 10, 5, 3
METHODS = ["preview", "video", "still", "best"]


def frame():
    """A mosaic (RGGB) of the Kodak pictures side by side with light noise, or of a made scene."""
    random = numpy.random.default_rng(1)
    folder = os.environ.get("LATENT_KODAK")
    if folder:
        paths = sorted(glob.glob(os.path.join(folder, "*.png")))
        pictures = [cv2.imread(path) for path in paths]
        if not pictures or any(picture is None for picture in pictures):
            sys.exit(f"benches/peers: no PNG pictures in {folder}")
        side = min(min(picture.shape[:2]) for picture in pictures)
        across = -(-WIDTH // side)
        rows = [
            numpy.hstack([pictures[(y * across + x) % len(pictures)][:side, :side] for x in range(across)])
            for y in range(-(-HEIGHT // side))
        ]
        rgb = numpy.vstack(rows)[:HEIGHT, :WIDTH, ::-1].astype(numpy.float32) * (1023 / 255)
    else:
        y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH].astype(numpy.float32)
        rgb = numpy.stack([512 + 400 * numpy.sin(x / (7 + c) + y / (11 - c)) for c in range(3)], axis=2)
    mosaic = rgb[:, :, 1].copy()
    mosaic[0::2, 0::2] = rgb[0::2, 0::2, 0]
    mosaic[1::2, 1::2] = rgb[1::2, 1::2, 2]
    return numpy.clip(mosaic + random.normal(0, 4, mosaic.shape) + 0.5, 0, 1023).astype(numpy.uint16)


def ours(method, path):
    """CPU milliseconds of each call of our contender."""

    def run():
        command = [os.environ["CONTENDER"], method, path, WIDTH, HEIGHT, "RGGB", BITS, "-", REPEATS]
        text = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
        return [time / 1e6 for time in json.loads(text.splitlines()[-1])["cpu_ns"]]

    return run


def opencv(code, mosaic):
    """The same of OpenCV, into a picture made before."""
    out = cv2.demosaicing(mosaic, code)

    def run():
        times = []
        for _ in range(REPEATS):
            start = time.process_time_ns()
            cv2.demosaicing(mosaic, code, out)
            times.append((time.process_time_ns() - start) / 1e6)
        return times

    return run


class GStreamer:
    """The element bayer2rgb: the CPU time of a pipeline with it, less that of one without, for each frame."""

    FRAMES = 12

    def __init__(self, folder, mosaic):
        root = os.environ["GST"]
        libraries = glob.glob(f"{root}/usr/lib/*-linux-gnu")[0]
        # The plugins that are needed: the others want libraries that nobody unpacked.
        for name in ["coreelements", "multifile", "bayer"]:
            plugin = f"libgst{name}.so"
            os.symlink(f"{libraries}/gstreamer-1.0/{plugin}", os.path.join(folder, plugin))
        self.launch = f"{root}/usr/bin/gst-launch-1.0"
        self.environment = dict(
            os.environ,
            LD_LIBRARY_PATH=f"{libraries}:{root}/lib/{os.path.basename(libraries)}",
            GST_PLUGIN_SYSTEM_PATH_1_0=folder,
            GST_PLUGIN_SCANNER_1_0=f"{libraries}/gstreamer1.0/gstreamer-1.0/gst-plugin-scanner",
            GST_REGISTRY_1_0=os.path.join(folder, "registry.bin"),
        )
        self.path = os.path.join(folder, "frame8.raw")
        (mosaic >> 2).astype(numpy.uint8).tofile(self.path)
        said = subprocess.run(
            [self.launch, "--gst-version"], env=self.environment, capture_output=True, text=True, check=True
        )
        self.version = said.stdout.split()[-1]

    def pipeline(self, elements):
        """CPU milliseconds of a pipeline of one thread over FRAMES frames."""
        caps = f"video/x-bayer,format=rggb,width={WIDTH},height={HEIGHT},framerate=30/1"
        source = ["multifilesrc", f"location={self.path}", "loop=true", f"num-buffers={self.FRAMES}", f"caps={caps}"]
        command = [self.launch, "-q", *source, *elements, "!", "fakesink", "sync=false"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=self.environment, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return 1e3 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)

    def run(self):
        with_it = self.pipeline(["!", "bayer2rgb", "!", "video/x-raw,format=RGBA"])
        return [(with_it - self.pipeline([])) / self.FRAMES]


def main():
    cv2.setNumThreads(1)
    mosaic = frame()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "frame.raw")
        mosaic.tofile(path)
        eight, sixteen = (mosaic >> 2).astype(numpy.uint8), mosaic << 6
        contenders = {f"Latent {method}, 10 bit -> RGB8": ours(method, path) for method in METHODS}
        name = f"OpenCV {cv2.__version__}"
        # OpenCV names a pattern by its second row: BayerBG is RGGB.
        contenders |= {
            f"{name} bilinear, 16 bit -> RGB16": opencv(cv2.COLOR_BayerBG2RGB, sixteen),
            f"{name} bilinear, 8 bit -> RGB8": opencv(cv2.COLOR_BayerBG2RGB, eight),
            f"{name} edge-aware, 16 bit -> RGB16": opencv(cv2.COLOR_BayerBG2RGB_EA, sixteen),
            f"{name} edge-aware, 8 bit -> RGB8": opencv(cv2.COLOR_BayerBG2RGB_EA, eight),
            f"{name} VNG, 8 bit -> RGB8": opencv(cv2.COLOR_BayerBG2RGB_VNG, eight),
        }
        try:
            gstreamer = GStreamer(folder, mosaic)
            if gstreamer.version < "1.24":
                contenders[f"GStreamer {gstreamer.version} bayer2rgb, 8 bit -> RGBA8"] = gstreamer.run
            else:
                print("SKIP GStreamer: since 1.24 bayer2rgb passes frames on unconverted where nobody offers it buffers")
        except (OSError, IndexError, subprocess.CalledProcessError) as error:
            print(f"SKIP GStreamer: {error}")
        times = {name: [] for name in contenders}
        for _ in range(ROUNDS):
            for name, run in contenders.items():
                times[name] += run()
    least = {name: min(list_) for name, list_ in times.items()}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump({"width": WIDTH, "height": HEIGHT, "bits": BITS, "cpu_ms": times}, file, indent=1)
    pixels = WIDTH * HEIGHT / 1e3
    print("| contender | least, ms | MP/s | " + " | ".join(f"{method} is" for method in METHODS) + " |")
    print("|---|---|---|" + "---|" * len(METHODS))
    for name, best in sorted(least.items(), key=lambda item: item[1]):
        mine = [least[f"Latent {method}, 10 bit -> RGB8"] for method in METHODS]
        ratios = " | ".join(f"{best / own:.2f} x" for own in mine)
        print(f"| {name} | {best:.2f} | {pixels / best:.0f} | {ratios} |")


main()
