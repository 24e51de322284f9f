// fftconv.Convolution: the engines on NumPy arrays, which they read and write where these lie.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/threads.hpp"

namespace py = pybind11;

namespace {

using namespace fftconv;
using Floats = py::array_t<float, 0>;
using DenseFloats = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Shape = std::vector<py::ssize_t>;

int extent(const py::array& array, int axis) {
    const py::ssize_t value = array.shape(axis);
    if (value > std::numeric_limits<int>::max()) throw ShapeError("convolution: an array is too large");
    return int(value);
}

/// Where the maps of an (N, C, H, W) array of any strides lie. @throws ShapeError on another rank or on
/// strides that are no whole floats.
template <class T>
BasicMapsView<T> view_of(const Floats& array, T* data) {
    if (array.ndim() != 4)
        throw ShapeError("convolution: expected an array (N, C, H, W), found " +
                         std::to_string(array.ndim()) + " axes");
    std::ptrdiff_t strides[4];
    for (int axis = 0; axis < 4; ++axis) {
        if (array.strides(axis) % py::ssize_t(sizeof(float)) != 0)
            throw ShapeError("convolution: expected strides of whole floats");
        strides[axis] = array.strides(axis) / std::ptrdiff_t(sizeof(float));
    }
    return {data,       extent(array, 0), extent(array, 1), extent(array, 2), extent(array, 3),
            strides[0], strides[1],       strides[2],       strides[3]};
}

ConstMapsView to_read(const Floats& array) {
    return view_of(array, array.data());
}

MapsView to_write(Floats& array) {
    return view_of(array, array.mutable_data());  // throws where the array is read-only
}

std::string text_of(const py::handle& value) {
    return py::repr(value).cast<std::string>();
}

/// Of Python or NumPy. @throws ShapeError naming the argument.
int number_of(const py::handle& value, const char* name) {
    if (PyIndex_Check(value.ptr())) {
        const auto whole = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
        int overflow = 0;
        const long found = PyLong_AsLongAndOverflow(whole.ptr(), &overflow);
        if (overflow == 0 && std::in_range<int>(found)) return int(found);
    }
    throw ShapeError(std::string("convolution: ") + name + ": expected a whole number, found " +
                     text_of(value));
}

/// One number, or a tuple of them.
template <class Numbers>
Numbers numbers_of(const py::object& value, const char* name) {
    if (!py::isinstance<py::sequence>(value) || py::isinstance<py::str>(value))
        return Numbers(number_of(value, name));
    std::vector<int> given;
    for (const py::handle& each : value) given.push_back(number_of(each, name));
    if (given.size() == 2) return Numbers(given[0], given[1]);
    if constexpr (std::is_same_v<Numbers, Padding>)
        if (given.size() == 4) return Numbers(given[0], given[1], given[2], given[3]);
    throw ShapeError(std::string("convolution: ") + name + ": expected one number or a pair, found " +
                     std::to_string(given.size()) + " numbers");
}

/// @throws ShapeError unless the array has this shape and elements of one of NumPy's kinds.
void require_array(const py::array& array, const char* name, const Shape& shape, const std::string& kinds) {
    const Shape found(array.shape(), array.shape() + array.ndim());
    if (found != shape)
        throw ShapeError(std::string("convolution: ") + name + ": expected an array of shape " +
                         text_of(py::tuple(py::cast(shape))) + ", found " +
                         text_of(py::tuple(py::cast(found))));
    if (kinds.find(array.dtype().kind()) == std::string::npos)
        throw ShapeError(std::string("convolution: ") + name + ": expected numbers, found " +
                         text_of(array.dtype()));
}

/// A byte for each element: of booleans, or of whole numbers 0 and 1.
std::vector<std::uint8_t> bytes_of(const py::array& mask) {
    const py::array_t<std::int64_t, py::array::c_style | py::array::forcecast> values(mask);
    std::vector<std::uint8_t> bytes;
    for (py::ssize_t i = 0; i < values.size(); ++i) {
        const std::int64_t value = values.data()[i];
        if (value != 0 && value != 1)
            throw ShapeError("convolution: mask: expected 0 (pruned) or 1, found " + std::to_string(value));
        bytes.push_back(std::uint8_t(value));
    }
    return bytes;
}

class Convolution {
  public:
    Convolution(const std::string& engine, const ConvolutionShape& shape, const ConvolutionOptions& options)
        : engine_(make_engine(engine, shape, options)) {}

    /// The same values as before cost a comparison: what was derived from them (spectra) is kept.
    void set_weights(const py::array& weights) {
        require_array(weights, "weights", weight_shape(), "fiu");
        const DenseFloats dense(weights);
        const std::span<const float> given(dense.data(), std::size_t(dense.size()));
        const bool same = given.size() == weights_.size() &&
                          std::memcmp(given.data(), weights_.data(), given.size_bytes()) == 0;
        if (same) return;
        engine_->set_weights(given);
        weights_.assign(given.begin(), given.end());
    }
    void set_bias(const std::optional<py::array>& bias) {
        if (!bias) return engine_->set_bias({});
        require_array(*bias, "bias", {engine_->shape().out_channels}, "fiu");
        const DenseFloats dense(*bias);
        engine_->set_bias({dense.data(), std::size_t(dense.size())});
    }
    void set_mask(const std::optional<py::array>& mask) {
        if (!mask) return engine_->set_mask({});
        const Shape weights = weight_shape();
        require_array(*mask, "mask", {weights[0], weights[1]}, "biu");
        engine_->set_mask(bytes_of(*mask));
    }

    Floats forward(const Floats& x, std::optional<Floats> out) {
        Floats y = out ? *out : made(batch_of(x), engine_->output_maps());
        run([&, from = to_read(x), to = to_write(y)] { engine_->forward(from, to); });
        return y;
    }
    Floats backward_input(const Floats& dy, std::optional<Floats> out) {
        Floats dx = out ? *out : made(batch_of(dy), engine_->input_maps());
        run([&, from = to_read(dy), to = to_write(dx)] { engine_->backward_input(from, to); });
        return dx;
    }
    Floats backward_weights(const Floats& x, const Floats& dy) {
        Floats dw(weight_shape());
        const std::span<float> all(dw.mutable_data(), std::size_t(dw.size()));
        run([&, of_x = to_read(x), of_y = to_read(dy)] { engine_->backward_weights(of_x, of_y, all); });
        return dw;
    }

    py::dict profile() const {
        py::dict seconds;
        for (const Phase& phase : engine_->profile()) seconds[phase.name.c_str()] = phase.seconds;
        return seconds;
    }
    void reset_profile() { engine_->reset_profile(); }
    std::size_t surviving_kernels() const { return engine_->surviving_kernels(); }
    std::size_t workspace_bytes() const { return engine_->workspace_bytes(); }
    void set_mode(int mode) { engine_->set_mode(mode); }
    std::array<int, 3> output_maps() const {
        const MapShape maps = engine_->output_maps();
        return {maps.channels, maps.height, maps.width};
    }
    std::string text() const { return "<fftconv.Convolution " + to_string(engine_->shape()) + ">"; }

  private:
    /// (O, C/groups, k_h, k_w)
    Shape weight_shape() const {
        const ConvolutionShape& shape = engine_->shape();
        return {shape.out_channels, shape.group_channels(), shape.kernel.vertical, shape.kernel.horizontal};
    }
    static int batch_of(const Floats& array) {
        if (array.ndim() != 4)
            throw ShapeError("convolution: expected an array (N, C, H, W), found " +
                             std::to_string(array.ndim()) + " axes");
        return extent(array, 0);
    }
    static Floats made(int batch, MapShape maps) {
        return Floats({batch, maps.channels, maps.height, maps.width});
    }
    /// While the engine works, other threads of Python may.
    template <class Work>
    static void run(const Work& work) {
        const py::gil_scoped_release others_may_run;
        work();
    }

    std::unique_ptr<ConvolutionEngine> engine_;
    std::vector<float> weights_;  ///< as the engine holds them
};

Convolution make(int in_channels, int out_channels, const py::object& size, const py::object& kernel,
                 const py::object& padding, const py::object& stride, const py::object& dilation, int groups,
                 int batch, const std::string& engine, int threads, std::optional<int> mode, int tile,
                 bool fixed_weights, double surviving) {
    const auto refuse = [](const std::string& what) { throw ShapeError("convolution: " + what); };
    if (mode && (*mode < 0 || *mode > 3))
        refuse("mode: expected None or 0 to 3, found " + std::to_string(*mode));
    if (threads < 0) refuse("threads: expected 0 or more, found " + std::to_string(threads));
    if (tile != 0 && engine != "fft")
        refuse("tile: expected with engine 'fft', which has tiles, found '" + engine + "'");
    const auto maps = numbers_of<PerAxis>(size, "size");
    const ConvolutionShape shape{.batch = batch,
                                 .in_channels = in_channels,
                                 .out_channels = out_channels,
                                 .height = maps.vertical,
                                 .width = maps.horizontal,
                                 .kernel = numbers_of<PerAxis>(kernel, "kernel"),
                                 .padding = numbers_of<Padding>(padding, "padding"),
                                 .stride = numbers_of<PerAxis>(stride, "stride"),
                                 .dilation = numbers_of<PerAxis>(dilation, "dilation"),
                                 .groups = groups};
    const ConvolutionOptions options{.tile = tile,
                                     .mode = mode.value_or(no_mode),
                                     .threads = threads > 0 ? threads : available_threads(),
                                     .fixed_weights = fixed_weights,
                                     .surviving = surviving};
    return {engine, shape, options};
}

constexpr const char* description = R"(One convolution layer,
y[o](m, n) = sum of W[o, c](u, v) x[c](s m + d u - p, s n + d v - p) over c, u and v, as torch.nn.Conv2d has it.

Numbers of kernel, padding, stride and dilation are for both axes, or (vertical, horizontal); padding also (top, left,
bottom, right). `size` is that of the input maps. `batch` is what the layer is planned for: calls may bring any number of
images. mode=K computes pixel K of each 2x2 window alone. threads=0 takes all processors. tile: of the engine "fft"; 0
chooses.

Arrays are float32, (N, C, H, W), of any strides: they are read and written where they lie. A layer is for one thread of
Python at a time; it lets others run while it works. Raises ValueError on shapes that do not fit.)";

}  // namespace

PYBIND11_MODULE(_engine, module) {
    module.doc() = "The engines of fftconv on NumPy arrays.";
    py::register_exception_translator([](std::exception_ptr error) {
        try {
            if (error) std::rethrow_exception(error);
        } catch (const ShapeError& e) {
            PyErr_SetString(PyExc_ValueError, e.what());
        } catch (const UsageError& e) {
            PyErr_SetString(PyExc_ValueError, e.what());
        }
    });
    using namespace py::literals;
    py::class_<Convolution>(module, "Convolution", description)
        .def(py::init(&make), "in_channels"_a, "out_channels"_a, "size"_a, "kernel"_a, "padding"_a = 0,
             "stride"_a = 1, "dilation"_a = 1, "groups"_a = 1, py::kw_only(), "batch"_a = 1,
             "engine"_a = "auto", "threads"_a = 1, "mode"_a = py::none(), "tile"_a = 0,
             "fixed_weights"_a = false, "surviving"_a = 1.0)
        .def("set_weights", &Convolution::set_weights, "weights"_a,
             "(O, C/groups, k, k). The same values as before cost no more than a comparison.")
        .def("set_bias", &Convolution::set_bias, "bias"_a, "(O), or None.")
        .def("set_mask", &Convolution::set_mask, "mask"_a,
             "(O, C/groups), False = pruned: absent from every pass; or None, which keeps every kernel.")
        .def("set_mode", &Convolution::set_mode, "mode"_a,
             "K = 0 to 3, where the layer was made with a mode.")
        .def("forward", &Convolution::forward, py::arg("x").noconvert(),
             py::arg("out").noconvert() = py::none(), "y of x; into `out` where it is given.")
        .def("backward_input", &Convolution::backward_input, py::arg("dy").noconvert(),
             py::arg("out").noconvert() = py::none(), "The gradient to x from that to y.")
        .def("backward_weights", &Convolution::backward_weights, py::arg("x").noconvert(),
             py::arg("dy").noconvert(), "The gradient to the weights, summed over the batch.")
        .def("profile", &Convolution::profile, "Seconds by phase since the layer was made or reset_profile.")
        .def("reset_profile", &Convolution::reset_profile)
        .def_property_readonly("output_maps", &Convolution::output_maps, "(O, H', W').")
        .def_property_readonly("surviving_kernels", &Convolution::surviving_kernels)
        .def_property_readonly("workspace_bytes", &Convolution::workspace_bytes)
        .def("__repr__", &Convolution::text);
}
