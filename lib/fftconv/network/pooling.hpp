#pragma once
#include "fftconv/core/public.hpp"
#include "fftconv/network/layer.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Largest value of each 2×2 window, stride 2; a last odd row or column has no window and is dropped. The
/// gradient goes to the first of equal values. A window with a NaN gives NaN.
class MaxPooling : public Layer {
  public:
    /// @throws ShapeError on maps smaller than a window.
    MaxPooling(std::string name, MapShape input);
    MapShape output_maps() const override;
    void forward(const Tensor& x, Tensor& y, const PassContext& context) override;
    void backward(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                  const PassContext& context) override;
    bool follow(Epilogue& epilogue, const PassContext& context) override;
};

/// Mean of each 2×2 window, stride 2; odd rows and columns as in MaxPooling.
class AveragePooling : public Layer {
  public:
    /// @throws ShapeError on maps smaller than a window.
    AveragePooling(std::string name, MapShape input);
    MapShape output_maps() const override;
    void forward(const Tensor& x, Tensor& y, const PassContext& context) override;
    void backward(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                  const PassContext& context) override;
    bool follow(Epilogue& epilogue, const PassContext& context) override;
};

/// Random pooling of the EasyConvPooling paper, section 3.3: pixel K of each 2×2 window, stride 2 (0
/// top-left, 1 top-right, 2 bottom-left, 3 bottom-right); odd rows and columns as in MaxPooling.
class RandomPooling : public Layer {
  public:
    /// @throws ShapeError on maps smaller than a window or a mode outside 0..3.
    RandomPooling(std::string name, MapShape input, int mode);
    MapShape output_maps() const override;
    void forward(const Tensor& x, Tensor& y, const PassContext& context) override;
    void backward(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                  const PassContext& context) override;
    bool follow(Epilogue& epilogue, const PassContext& context) override;
    /// @throws ShapeError unless 0 ≤ K ≤ 3.
    void set_mode(int mode);
    /// K.
    int mode() const { return mode_; }

  private:
    int mode_;
};

/// MP2 of the coarse pruning paper: largest value of 3×3 windows with stride 2, overlapping; sizes round up
/// (32 → 16 → 8), the last window then being cut by the border. The gradient goes to the first of equal
/// values. A window with a NaN gives NaN.
class OverlappedMaxPooling : public Layer {
  public:
    /// @throws ShapeError on maps smaller than 2 × 2.
    OverlappedMaxPooling(std::string name, MapShape input);
    MapShape output_maps() const override;
    void forward(const Tensor& x, Tensor& y, const PassContext& context) override;
    void backward(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                  const PassContext& context) override;
    bool follow(Epilogue& epilogue, const PassContext& context) override;
};

}  // namespace fftconv
