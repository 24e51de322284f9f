"""fftconv from Python: its files as pandas, xarray and NumPy, and checkpoints to and from PyTorch, .npz and ONNX.

    import fftconv
    fftconv.open("result.h5").tables["points"]       # pandas, units in .attrs["units"]
    fftconv.open("mask.h5").which()                   # which mask won, and why
    fftconv.state_dict("network.h5")                  # as PyTorch names it
    fftconv.save_checkpoint("network.h5", "1x28x28:20C5v-P2-100FC-10Softmax", model.state_dict(), dataset="mnist")
    fftconv.export_onnx("network.h5", "network.onnx")
"""

from .architecture import BATCH_NORM_EPSILON, Layer, parse
from .checkpoint import save_checkpoint, save_npz, state_dict
from .errors import FileError, ShapeError
from .files import open_file as open
from .onnx_files import OnnxError, export_onnx, import_onnx
from .hdf5 import VERSION as __version__
from .prediction import predict

try:
    from ._engine import Convolution
except ImportError:  # without the built engine: files alone

    def Convolution(*_, **__):
        """The engines on NumPy arrays: needs the module that CMake builds with FFTCONV_PYTHON."""
        raise ImportError("fftconv.Convolution needs the built engine: cmake -DFFTCONV_PYTHON=ON, PYTHONPATH=BUILD/python")


__all__ = ["BATCH_NORM_EPSILON", "Convolution", "FileError", "Layer", "OnnxError", "ShapeError", "export_onnx", "import_onnx", "open", "parse", "predict", "save_checkpoint",
           "save_npz", "state_dict"]
