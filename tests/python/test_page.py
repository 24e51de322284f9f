"""fftconv-results page: what stands in it, and that a browser shows it whole, without an error. The latter where Chromium
is installed."""

import html.parser
import json
import re
import shutil
import subprocess
import unittest

import h5py
import numpy as np

from support import ROOT, Case, run, write_mnist

import fftconv

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# Stands before the page's own script: collects errors, then measures, sorts and hovers.
PROBE = """<script>
const errors = [];
window.addEventListener('error', (event) => errors.push(String(event.message)));
const log = console.error;
console.error = (...words) => errors.push(words.join(' '));
window.addEventListener('load', () => {
  const found = {errors, width: innerWidth, needs: document.documentElement.scrollWidth, charts: 0, beyond: []};
  for (const figure of document.querySelectorAll('figure.chart')) {
    const svg = figure.querySelector('svg');
    if (svg && svg.querySelector('.series, .dot')) ++found.charts;
    for (const text of svg ? svg.querySelectorAll('text') : []) {
      const box = text.getBoundingClientRect(), whole = svg.getBoundingClientRect();
      if (box.left < whole.left - 1 || box.right > whole.right + 1 || box.top < whole.top - 1) found.beyond.push(text.textContent);
    }
  }
  const chart = [...document.querySelectorAll('figure.chart')].find((figure) => figure.textContent.includes('kernels pruned')).querySelector('svg');
  if (chart) {
    const place = chart.getBoundingClientRect();
    chart.dispatchEvent(new PointerEvent('pointermove', {clientX: place.left + place.width / 2, clientY: place.top + 20}));
    found.tip = document.querySelector('.tip:not([hidden])').textContent;
  }
  const table = document.querySelector('table.sorts'), header = table.querySelectorAll('th')[1];
  const column = () => [...table.tBodies[0].rows].map((row) => row.cells[1].textContent);
  header.querySelector('button').click();
  found.rising = column();
  header.querySelector('button').click();
  found.falling = column();
  const result = document.createElement('pre');
  result.id = 'probe';
  result.textContent = JSON.stringify(found);
  document.body.append(result);
});
</script>"""


class Checker(html.parser.HTMLParser):
    """Every tag that needs one is closed, in order; collects what would be fetched."""

    VOID = {"meta", "link", "img", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.fetched, self.errors = [], [], []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name in ("src", "href") and not value.startswith(("data:", "#")):
                self.fetched.append(value)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.errors.append(f"</{tag}> at {self.getpos()}")


class Page(Case):
    @classmethod
    def setUpClass(cls):
        import pathlib
        import tempfile

        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.shared = folder = pathlib.Path(temporary.name)
        write_mnist(folder / "data")
        run("prune", "--data", folder / "data", "--train", "--architecture", "1x28x28:4C5v-P2-6C3-P2-10Softmax", "--epochs", 2,
            "--batch", 20, "--granularity", "kernel", "--ratio", "0.3:0.6:0.3", "--candidates", 4, "--retrain-epochs", 1,
            "--timing-rounds", 1, "--validation", "0.2", "--out", folder / "pruned.h5")
        points = sorted((folder / "pruned.h5.points").glob("*.h5"))
        cls.confusion = cls.write_confusion(folder / "confusion.h5")
        cls.files = [folder / "pruned.h5", *points, cls.confusion]
        cls.page = folder / "page.html"
        run("results", "page", *cls.files, "--out", cls.page)
        cls.html = cls.page.read_text()

    @staticmethod
    def write_confusion(path):
        """A result with tables of confusion and phases, and text that would break a careless page."""
        tables = {"confusion": ("Confusion", {"label": np.arange(3.0), **{str(j): np.arange(3.0) * 10 + j for j in range(3)}}),
                  "forms": ("Forms", {"form": ["dense", "compact"], "time": np.array([0.5, 0.25])}),
                  "phases": ("Phases", {"layer": ["conv1", "conv1", "conv1", "conv2"], "phase": ["in all", "FFT", "sum", "sum"],
                                        "seconds": np.array([0.006, 0.001, 0.003, 0.002])})}
        return Page.write_result(path, "</script><b>&data", tables, "name = '<script>alert(1)</script>'\n")

    @staticmethod
    def write_result(path, dataset, tables, configuration=""):
        from fftconv import hdf5

        def fill(file):
            hdf5.write_text(file, "config/resolved_toml", configuration)
            fftconv.checkpoint._write_dataset(file, dataset)
            for name, (title, columns) in tables.items():
                group = file.create_group(f"summary/{name}", track_order=True)
                hdf5.set_attribute(group, "title", title)
                hdf5.set_attribute(group, "columns", list(columns))
                for column, values in columns.items():
                    if isinstance(values, list):
                        hdf5.write_labels(group, column, values)
                    else:
                        hdf5.write_array(group, column, values, (), {"seconds": "s", "time": "ms"}.get(column, "1"))

        hdf5.write_file(path, "result", fill)
        return path

    def test_is_whole_and_fetches_nothing(self):
        checker = Checker()
        checker.feed(self.html)
        self.assertEqual((checker.errors, checker.fetched, checker.open), ([], [], []))
        self.assertEqual(re.findall(r"https?://(?!www\.w3\.org/2000/svg)[^\s\"'<]+", self.html), [])
        self.assertNotIn("url(", self.html)

    def test_names_what_ran_and_escapes_it(self):
        with fftconv.open(self.files[0]) as result:
            self.assertIn(result.git_commit, self.html)
            self.assertIn(result.dataset["sha256"], self.html)
        self.assertIn("&lt;script&gt;alert(1)&lt;/script&gt;", self.html)
        self.assertNotIn("<script>alert", self.html)
        self.assertIn("&lt;/script&gt;&lt;b&gt;&amp;data", self.html)

    def test_has_every_section(self):
        for title in ("What ran", "Curves", "MCR against time", "Where the time goes", "Confusion", "What is pruned",
                      "Filters of the first layer", "Tables"):
            self.assertIn(f">{title}</h2>", self.html)
        self.assertRegex(self.html, r"candidate \d of 4 \(seed \d+\)")
        self.assertRegex(self.html, r"conv2: \d+ of 24 kernels survive")
        self.assertIn('title="1 as 2: 36.36 %">12<', self.html)
        for bar in ("sum: 3 ms", "all else: 2 ms", "time per image: 0.25 ms"):
            self.assertIn(f'title="{bar}"', self.html)

    def test_masks_are_drawn_as_they_are(self):
        """The picture of a layer has a pixel per kernel: what is kept is not transparent."""
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("needs python3-pil")
        import base64
        import io

        path = next(path for path in self.files[1:] if path.name.endswith("0.3.h5"))
        with fftconv.open(path) as checkpoint:
            kept = checkpoint.masks["conv2"]["kernel"]
            if "feature_map" in checkpoint.masks["conv2"]:
                kept = kept & checkpoint.masks["conv2"]["feature_map"][:, None]
        run("results", "page", path, "--out", self.folder / "mask.html")
        picture = re.search(r'alt="conv2: [^"]*" src="data:image/png;base64,([^"]+)"', (self.folder / "mask.html").read_text())
        pixels = np.array(Image.open(io.BytesIO(base64.b64decode(picture[1]))))
        np.testing.assert_array_equal(pixels[:, :, 3] > 0, kept)

    def test_the_verdict_on_an_accuracy_is_of_the_papers_data(self):
        """On other data the paper's accuracy is no yardstick; its ratios of times are."""
        columns = {"method": ["one-conv, ECP k=0"], "baseline": ["Max pooling"]}
        for column, ours, paper in (("best_accuracy", 97.0, 98.0), ("training_speed_up", 1.5, 2.0)):
            columns |= {column: np.array([ours]), f"paper_{column}": np.array([paper])}
        for dataset, verdicts in (("MNIST", ["not reached", "not reached"]),
                                  ("Fashion-MNIST", ["not reached", "other data: Fashion-MNIST"])):
            path = self.write_result(self.folder / f"{dataset}.h5", dataset, {"table_3": ("Table 3", columns)})
            run("results", "page", path, "--out", self.folder / f"{dataset}.html")
            html = (self.folder / f"{dataset}.html").read_text()
            self.assertEqual(re.findall(r">(reached|not reached|other data: [^<]*)<", html), verdicts)

    def test_an_existing_page_stays(self):
        page = self.folder / "page.html"
        page.write_text("mine")
        run("results", "page", self.confusion, "--out", page, status=2)
        self.assertEqual(page.read_text(), "mine")
        run("results", "page", self.confusion, "--out", page, "--overwrite")
        self.assertIn("<!doctype html>", page.read_text())

    def test_ours_stand_next_to_the_papers(self):
        with h5py.File(ROOT / "results/pruning-cifar10/pruning-cifar10.h5") as file:
            baselines = {run["summary/baseline/sha256"][0]: run["summary/points/test_mcr"][0]
                         for run in file["figure_4a"].values()}  # each network once
        mcr = sum(baselines.values()) / len(baselines)
        verdict = "not reached" if mcr > 16.6 else ">reached"
        for name, expected in (("ecp-mnist.h5", r"first epoch of 98 %.*?13 of 13 reached"),
                               ("pruning-cifar10.h5", rf"Table 1: baseline MCR.*?{mcr:.2f}.*?16\.6.*?{verdict}")):
            page = self.folder / (name + ".html")
            run("results", "page", next((ROOT / "results").rglob(name)), "--out", page)
            self.assertRegex(page.read_text(), re.compile(expected, re.S))

    def probed(self, width):
        page = self.folder / f"{width}.html"
        page.write_text(self.html.replace("<head>", "<head>" + PROBE, 1))
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={self.folder}/profile",
                   f"--window-size={width},900", "--virtual-time-budget=5000", "--dump-dom", f"file://{page}"]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
        return json.loads(html.unescape(re.search(r'<pre id="probe">(.*?)</pre>', shown, re.S)[1]))

    @unittest.skipUnless(CHROMIUM, "needs chromium")
    def test_a_browser_shows_it_without_error_and_nothing_is_cut_off(self):
        for width in (1280, 400):
            with self.subTest(width=width):
                found = self.probed(width)
                self.assertEqual((found["errors"], found["beyond"]), ([], []))
                self.assertLessEqual(found["needs"], max(width, found["width"]))
                self.assertGreaterEqual(found["charts"], 4)
                self.assertIn("kernels pruned", found["tip"])
                self.assertEqual(sorted(found["rising"]), sorted(found["falling"]))
                self.assertEqual(found["falling"], sorted(found["falling"], reverse=True))


if __name__ == "__main__":
    unittest.main()
