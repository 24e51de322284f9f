#pragma once
/// Everything that computes. Files (HDF5) are a second library: <fftconv/storage/…>, fftconv::storage.
#include "fftconv/convolution/direct.hpp"
#include "fftconv/convolution/engine.hpp"
#include "fftconv/convolution/reference.hpp"
#include "fftconv/convolution/spectral.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/core/tensor.hpp"
#include "fftconv/core/threads.hpp"
