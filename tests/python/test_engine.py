"""fftconv.Convolution and fftconv.torch.SpectralConv2d. Needs the built engine: FFTCONV_ENGINE_FOLDER names the folder of
the package that has it."""

import os
import sys
import threading
import unittest

import numpy as np

FOLDER = os.environ.get("FFTCONV_ENGINE_FOLDER")
if not FOLDER:
    print("FFTCONV_ENGINE_FOLDER is not set: nothing to test")
    sys.exit(77)
sys.path.insert(0, FOLDER)

import fftconv

try:
    import torch
except ImportError:
    torch = None


def pair(value):
    return (value, value) if isinstance(value, int) else value


def reference(x, w, bias=None, padding=0, stride=1, dilation=1, groups=1):
    """The same in double precision, term by term over the taps."""
    (pv, ph), (sv, sh), (dv, dh) = pair(padding), pair(stride), pair(dilation)
    x = np.pad(x.astype(float), ((0, 0), (0, 0), (pv, pv), (ph, ph)))
    outputs, channels, kh, kw = w.shape
    height, width = (x.shape[2] - (kh - 1) * dv - 1) // sv + 1, (x.shape[3] - (kw - 1) * dh - 1) // sh + 1
    y = np.zeros((len(x), outputs, height, width))
    for o in range(outputs):
        first = o // (outputs // groups) * channels
        for u in range(kh):
            for v in range(kw):
                window = x[:, first : first + channels, u * dv :, v * dh :][:, :, : (height - 1) * sv + 1 : sv, : (width - 1) * sh + 1 : sh]
                y[:, o] += np.einsum("nchw,c->nhw", window, w[o, :, u, v].astype(float))
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)


class Engine(unittest.TestCase):
    def setUp(self):
        random = np.random.default_rng(1)
        self.x = random.standard_normal((3, 4, 13, 11)).astype(np.float32)
        self.w = random.standard_normal((6, 4, 5, 5)).astype(np.float32)
        self.bias = random.standard_normal(6).astype(np.float32)

    def layer(self, **more):
        layer = fftconv.Convolution(4, 6, (13, 11), 5, padding=2, batch=3, **more)
        layer.set_weights(self.w)
        return layer

    def close(self, found, expected):
        np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())

    def test_forward_on_every_engine(self):
        for engine in ("fft", "spatial", "direct", "auto"):
            with self.subTest(engine):
                layer = self.layer(engine=engine)
                layer.set_bias(self.bias)
                self.assertEqual(layer.output_maps, [6, 13, 11])
                self.close(layer.forward(self.x), reference(self.x, self.w, self.bias, 2))
                layer.set_bias(None)
                self.close(layer.forward(self.x), reference(self.x, self.w, None, 2))

    def test_views_are_read_and_written_where_they_lie(self):
        layer = self.layer()
        expected = reference(self.x, self.w, None, 2)
        last = np.ascontiguousarray(self.x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)  # channels last
        self.close(layer.forward(last), expected)
        wide = np.full((3, 8, 13, 22), np.nan, np.float32)
        wide[:, ::2, ::-1, 1::2] = self.x  # every other channel and column, rows from below
        self.close(layer.forward(wide[:, ::2, ::-1, 1::2]), expected)
        out = np.full((3, 13, 11, 6), np.nan, np.float32)
        result = layer.forward(self.x, out=out.transpose(0, 3, 1, 2))
        self.close(out.transpose(0, 3, 1, 2), expected)
        self.assertTrue(np.shares_memory(result, out))

    def test_gradients_are_adjoint(self):
        layer = self.layer()
        dy = np.random.default_rng(2).standard_normal((3, 6, 13, 11)).astype(np.float32)
        y = reference(self.x, self.w, None, 2)
        inner = float(np.sum(y * dy))
        self.assertAlmostEqual(float(np.sum(layer.backward_input(dy).astype(float) * self.x)), inner, delta=1e-4 * abs(inner))
        self.assertAlmostEqual(float(np.sum(layer.backward_weights(self.x, dy).astype(float) * self.w)), inner, delta=1e-4 * abs(inner))

    def test_a_pruned_kernel_is_absent(self):
        mask = np.random.default_rng(3).random((6, 4)) > 0.6
        layer = self.layer()
        layer.set_mask(mask)
        self.assertEqual(layer.surviving_kernels, mask.sum())
        self.close(layer.forward(self.x), reference(self.x, self.w * mask[:, :, None, None], None, 2))
        dw = layer.backward_weights(self.x, np.ones((3, 6, 13, 11), np.float32))
        self.assertEqual(np.abs(dw[~mask]).max(), 0)
        layer.set_mask(None)
        self.close(layer.forward(self.x), reference(self.x, self.w, None, 2))

    def test_mode_k_is_the_pixel_of_each_window(self):
        layer = self.layer(mode=0)
        full = reference(self.x, self.w, None, 2)
        for mode in range(4):
            layer.set_mode(mode)
            self.close(layer.forward(self.x), full[:, :, mode // 2 : 12 : 2, mode % 2 : 10 : 2])

    def test_general_shapes(self):
        random = np.random.default_rng(4)
        for size, kernel, more in (((13, 11), (3, 5), dict(stride=2, padding=(1, 2))),
                                   ((16, 9), 3, dict(dilation=(2, 1), padding=2)),
                                   ((12, 12), 5, dict(groups=2, padding=2)), ((9, 14), (7, 1), dict(groups=4, stride=(1, 3)))):
            with self.subTest(kernel=kernel, **more):
                groups = more.get("groups", 1)
                x = random.standard_normal((2, 4, *size)).astype(np.float32)
                w = random.standard_normal((8, 4 // groups, *pair(kernel))).astype(np.float32)
                layer = fftconv.Convolution(4, 8, size, kernel, batch=2, **more)
                layer.set_weights(w)
                self.close(layer.forward(x), reference(x, w, **more))

    def test_zeros_of_each_side_and_gradients_of_general_shapes(self):
        """Padding is (top, left, bottom, right); gradients are adjoint to the reference, with strides, groups and a mode too."""
        random = np.random.default_rng(6)
        for kernel, more, mode in (((3, 2), dict(stride=(2, 1)), None), (3, dict(dilation=(1, 2), groups=2), None), ((2, 5), {}, 3)):
            with self.subTest(kernel=kernel, mode=mode, **more):
                x = random.standard_normal((2, 4, 11, 9)).astype(np.float32)
                w = random.standard_normal((6, 4 // more.get("groups", 1), *pair(kernel))).astype(np.float32)
                padded = np.pad(x, ((0, 0), (0, 0), (0, 1), (2, 3)))
                y = reference(padded, w, **more)
                if mode is not None:
                    height, width = (extent // 2 * 2 for extent in y.shape[2:])
                    y = y[:, :, mode // 2 : height : 2, mode % 2 : width : 2]
                layer = fftconv.Convolution(4, 6, (11, 9), kernel, padding=(0, 2, 1, 3), batch=2, mode=mode, **more)
                layer.set_weights(w)
                self.close(layer.forward(x), y)
                dy = random.standard_normal(y.shape).astype(np.float32)
                inner, scale = float(np.sum(y * dy)), float(np.sqrt(np.sum(y * y) * np.sum(dy * dy)))
                dx, dw = layer.backward_input(dy), layer.backward_weights(x, dy)
                self.assertAlmostEqual(float(np.sum(dx.astype(float) * x)), inner, delta=1e-4 * scale)
                self.assertAlmostEqual(float(np.sum(dw.astype(float) * w)), inner, delta=1e-4 * scale)

    def test_a_tile_that_is_given_is_taken(self):
        bytes_of = {}
        for tile in (8, 16, 32):
            layer = self.layer(engine="fft", tile=tile)
            self.close(layer.forward(self.x), reference(self.x, self.w, None, 2))
            bytes_of[tile] = layer.workspace_bytes
        self.assertEqual(len(set(bytes_of.values())), 3, bytes_of)
        with self.assertRaisesRegex(ValueError, "tile"):
            self.layer(engine="fft", tile=4)  # less than the kernel

    def test_what_does_not_fit_is_an_error(self):
        layer = self.layer()
        cases = [(lambda: fftconv.Convolution(4, 6, 13, 0), "kernel"), (lambda: fftconv.Convolution(4, 6, 13, 3, engine="gpu"), "gpu"),
                 (lambda: fftconv.Convolution(4, 6, 13, 3, padding=(1, 2, 3)), "padding"),
                 (lambda: layer.set_weights(self.w[:, :3]), "weights"),
                 (lambda: layer.set_weights(self.w.transpose(2, 3, 1, 0)), r"weights: .*\(6, 4, 5, 5\), found \(5, 5, 4, 6\)"),
                 (lambda: layer.set_weights(self.w + 1j), "weights: expected numbers"),
                 (lambda: layer.set_bias(np.ones((1, 6))), "bias"), (lambda: layer.set_bias(np.ones(0)), "bias"),
                 (lambda: layer.set_mask(np.ones((4, 6), bool)), "mask"), (lambda: layer.set_mask(np.ones((0, 4), bool)), "mask"),
                 (lambda: layer.set_mask(np.full((6, 4), 0.5)), "mask: expected numbers"),
                 (lambda: layer.set_mask(np.full((6, 4), 256)), r"mask: expected 0 \(pruned\) or 1, found 256"),
                 (lambda: fftconv.Convolution(4, 6, 13, 5, engine="spatial", tile=8), "tile"),
                 (lambda: fftconv.Convolution(4, 6, 13, 5, mode=-1), "mode"), (lambda: fftconv.Convolution(4, 6, 13, 5, threads=-1), "threads"),
                 (lambda: fftconv.Convolution(4, 6, 13, 5, padding="same"), "padding: expected a whole number, found 'same'"),
                 (lambda: fftconv.Convolution(4, 6, 13.0, 5), "size"), (lambda: fftconv.Convolution(4, 6, 2**31, 5), "size"),
                 (lambda: layer.forward(self.x, out=np.lib.stride_tricks.as_strided(np.zeros(9000, np.float32), (3, 6, 13, 11), (9000, 1500, 40, 4))), "keep its elements apart"), (lambda: layer.forward(self.x[0]), r"\(N, C, H, W\)"),
                 (lambda: layer.forward(self.x[:, :3]), "convolution"), (lambda: layer.set_mode(1), "mode"),
                 (lambda: layer.forward(self.x, out=np.zeros((3, 6, 12, 11), np.float32)), "convolution")]
        for call, message in cases:
            with self.subTest(message), self.assertRaisesRegex(ValueError, message):
                call()
        with self.assertRaises(TypeError):
            layer.forward(self.x.astype(float))
        fixed = np.zeros((3, 6, 13, 11), np.float32)
        fixed.flags.writeable = False
        with self.assertRaises(ValueError):
            layer.forward(self.x, out=fixed)

    def test_numbers_of_numpy_are_numbers(self):
        layer = fftconv.Convolution(np.int64(4), 6, np.int32(13), np.int64(5), padding=(np.int64(2), 2))
        layer.set_weights(self.w.astype(float))
        layer.set_mask(np.ones((6, 4), np.int64))
        x = np.ascontiguousarray(np.pad(self.x, ((0, 0), (0, 0), (0, 0), (0, 2))))
        self.close(layer.forward(x), reference(x, self.w, None, 2))

    def test_weights_changed_in_place_are_seen(self):
        layer, weights = self.layer(), self.w.copy()
        layer.set_weights(weights)
        weights[2, 1] *= -3
        layer.set_weights(weights)
        self.close(layer.forward(self.x), reference(self.x, weights, None, 2))

    def test_other_threads_run_meanwhile(self):
        layers = [self.layer() for _ in range(2)]
        found = [None, None]

        def work(i):
            for _ in range(20):
                found[i] = layers[i].forward(self.x)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        np.testing.assert_array_equal(found[0], found[1])
        self.assertGreater(sum(layers[0].profile().values()), 0)


@unittest.skipUnless(torch, "needs python3-torch")
class Module(unittest.TestCase):
    def modules(self):
        from fftconv.torch import SpectralConv2d

        for more in (dict(kernel_size=5, padding=2), dict(kernel_size=3, stride=2, padding=(1, 0)),
                     dict(kernel_size=3, dilation=2, groups=2, bias=False)):
            torch.manual_seed(1)
            ours, theirs = SpectralConv2d(4, 6, **more), torch.nn.Conv2d(4, 6, **more)
            theirs.load_state_dict(ours.state_dict())
            yield ours, theirs

    def test_as_conv2d_forward_and_backward(self):
        for ours, theirs in self.modules():
            with self.subTest(repr(theirs)):
                x = torch.randn(3, 4, 14, 12, requires_grad=True)
                y = ours(x)
                expected = theirs(x)
                torch.testing.assert_close(y, expected, atol=1e-4, rtol=1e-4)
                dy = torch.randn_like(expected)
                wanted = [x, *theirs.parameters()]
                for a, b in zip(torch.autograd.grad(y, [x, *ours.parameters()], dy), torch.autograd.grad(expected, wanted, dy)):
                    torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-4)

    def test_gradcheck(self):
        """By differences in float32, with steps and tolerances for it: the layer is linear, so that large steps are exact."""
        for ours, _ in self.modules():
            x = torch.randn(2, 4, 8, 7, requires_grad=True)
            parameters = [ours.weight] + ([ours.bias] if ours.bias is not None else [])
            self.assertTrue(torch.autograd.gradcheck(lambda x, *_: ours(x), (x, *parameters), eps=0.5, atol=2e-3, rtol=1e-3))

    def test_gradients_of_gradients_are_refused(self):
        for ours, _ in self.modules():
            x = torch.randn(2, 4, 8, 7, requires_grad=True)
            gradient, = torch.autograd.grad(ours(x).pow(2).sum(), x, create_graph=True)
            with self.assertRaisesRegex(RuntimeError, "once_differentiable"):
                gradient.norm().backward()

    def test_threads_take_turns(self):
        from fftconv.torch import SpectralConv2d

        module = SpectralConv2d(4, 6, 5, padding=2, threads=1)
        images = [torch.randn(8, 4, 24, 24) for _ in range(3)]
        expected, wrong = [module(x).detach() for x in images], [0] * 3

        def work(i):
            for _ in range(30):
                wrong[i] += not torch.equal(module(images[i]).detach(), expected[i])

        threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        self.assertEqual(wrong, [0] * 3)

    def test_arguments_as_conv2d_has_them(self):
        import copy

        from fftconv.torch import SpectralConv2d

        for padding, kernel in (("same", (4, 3)), ("valid", 3)):
            ours, theirs = (made(4, 6, kernel, padding=padding) for made in (SpectralConv2d, torch.nn.Conv2d))
            theirs.load_state_dict(ours.state_dict())
            x = torch.randn(2, 4, 9, 8)
            torch.testing.assert_close(ours(x), theirs(x), atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(ours(x[0]), theirs(x[0]), atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(copy.deepcopy(ours)(x), ours(x), atol=0, rtol=0)
        for wrong in (torch.ones(1, 4, 9, 8, dtype=torch.long), torch.ones(1, 4, 9, 8, dtype=torch.double)):
            with self.assertRaisesRegex(TypeError, "float32"):
                ours(wrong)
        with self.assertRaisesRegex(ValueError, "mask"):
            SpectralConv2d(4, 6, 3, mask=np.full((6, 4), 0.5))

    def test_training_with_a_mask(self):
        from fftconv.torch import SpectralConv2d

        torch.manual_seed(2)
        mask = np.random.default_rng(1).random((6, 4)) > 0.5
        layer = SpectralConv2d(4, 6, 3, padding=1, mask=mask)
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
        x, target = torch.randn(8, 4, 9, 9), torch.randn(8, 6, 9, 9)
        losses = []
        for _ in range(20):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(layer(x), target)
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
        self.assertLess(losses[-1], losses[0])
        self.assertEqual(float(layer.weight.detach()[torch.from_numpy(~mask)].abs().max()), 0)

    def test_two_sizes_and_changed_weights(self):
        for ours, theirs in self.modules():
            for size in ((14, 12), (9, 10), (14, 12)):
                with torch.no_grad():
                    ours.weight.data.mul_(1.5)  # behind autograd's back
                    theirs.weight.data.copy_(ours.weight)
                    x = torch.randn(2, 4, *size)
                    torch.testing.assert_close(ours(x), theirs(x), atol=1e-4, rtol=1e-4)


if __name__ == "__main__":
    unittest.main()
