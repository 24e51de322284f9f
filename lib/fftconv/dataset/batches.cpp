#include "fftconv/dataset/batches.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "fftconv/core/error.hpp"
#include "fftconv/core/random.hpp"

namespace fftconv {
namespace {

/// Lanes written side by side: 16 floats are one cache line, so each line of the tensor is written whole.
constexpr int lanes = 16;

/// One row of `width` pixels of up to 16 images, to floats, transposed: target[column · stride + lane].
template <class Pixel>
void transpose_row(const Pixel* const* rows, int count, int width, float scale, float* target, int stride) {
    if (count == lanes)
        for (int column = 0; column < width; ++column, target += stride)
            for (int lane = 0; lane < lanes; ++lane) target[lane] = float(rows[lane][column]) * scale;
    else
        for (int column = 0; column < width; ++column, target += stride)
            for (int lane = 0; lane < count; ++lane) target[lane] = float(rows[lane][column]) * scale;
}

/// Images (C, H, W) into the first lanes of a tensor, `border` pixels from its edges.
template <class Pixel>
void transpose(std::span<const Pixel* const> images, MapShape maps, float scale, int border, Tensor& tensor) {
    for (int c = 0; c < maps.channels; ++c)
        for (int row = 0; row < maps.height; ++row) {
            float* target = tensor.pixel(c, row + border, border);
            const std::size_t offset = (std::size_t(c) * maps.height + row) * maps.width;
            for (std::size_t n = 0; n < images.size(); n += lanes) {
                const int count = int(std::min<std::size_t>(lanes, images.size() - n));
                const Pixel* rows[lanes];
                for (int lane = 0; lane < count; ++lane) rows[lane] = images[n + lane] + offset;
                transpose_row(rows, count, maps.width, scale, target + n, tensor.batch_stride());
            }
        }
}

MapShape bordered(MapShape maps, int border) {
    return {maps.channels, maps.height + 2 * border, maps.width + 2 * border};
}

/// Zeroes what no image will write: border, images that are missing, padding lanes.
void clear_unwritten(int images, int border, Tensor& tensor) {
    if (border > 0) return tensor.fill(0);
    const std::size_t pixels = tensor.maps().size();
    const int stride = tensor.batch_stride();
    for (std::size_t p = 0; p < pixels; ++p)
        std::fill(tensor.data() + p * stride + images, tensor.data() + (p + 1) * stride, 0.0f);
}

/// Shapes the batch, sets its labels, and zeroes what no image will write.
void begin_batch(const LabelledImages& images, std::span<const int> indices, MapShape maps, int border,
                 int size, Batch& batch) {
    if (int(indices.size()) > size)
        throw ShapeError(std::to_string(indices.size()) + " images for a batch of " + std::to_string(size));
    batch.images.reshape(bordered(maps, border), size);
    clear_unwritten(int(indices.size()), border, batch.images);
    batch.labels.assign(size, 0);
    for (std::size_t n = 0; n < indices.size(); ++n) {
        if (indices[n] < 0 || indices[n] >= images.count())
            throw ShapeError("image " + std::to_string(indices[n]) + " of " + std::to_string(images.count()) +
                             " images");
        batch.labels[n] = images.labels[indices[n]];
    }
    batch.valid = batch.whole = int(indices.size());
}

}  // namespace

void fill_batch(const LabelledImages& images, std::span<const int> indices, int size, int border,
                Batch& batch) {
    begin_batch(images, indices, images.maps, border, size, batch);
    std::visit(
        [&]<class Pixel>(const std::vector<Pixel>& pixels) {
            std::vector<const Pixel*> chosen;
            for (int index : indices) chosen.push_back(pixels.data() + index * images.maps.size());
            const float scale = std::is_same_v<Pixel, std::uint8_t> ? 1.0f / 255 : 1.0f;
            transpose<Pixel>(chosen, images.maps, scale, border, batch.images);
        },
        images.pixels);
}

BatchOptions fitted(BatchOptions options, MapShape images, MapShape input, bool at_centre) {
    const auto text = [](MapShape maps) {
        return std::to_string(maps.channels) + 'x' + std::to_string(maps.height) + 'x' +
               std::to_string(maps.width);
    };
    const int rows = input.height - images.height, columns = input.width - images.width;
    if (input.channels == images.channels && rows == columns && rows >= 0 && rows % 2 == 0) {
        options.border = rows / 2;
    } else if (input.channels == images.channels && input.height == input.width && rows <= 0 &&
               columns <= 0) {
        options.augmentation.crop = input.height;
        if (at_centre) options.ten_crop = 4;
    } else {
        throw ShapeError("the network takes images of " + text(input) + ", the data has " + text(images));
    }
    return options;
}

Batches::Batches(const LabelledImages& images, const BatchOptions& options)
    : images_(images), options_(options), augmented_maps_(augmented_maps(options.augmentation, images.maps)) {
    if (options.size < 1)
        throw UsageError("batch size: expected at least 1, found " + std::to_string(options.size));
    if (options.border < 0)
        throw UsageError("border: expected 0 or more, found " + std::to_string(options.border));
    if (options.ten_crop < BatchOptions::no_ten_crop || options.ten_crop > 9)
        throw UsageError("crop number: expected 0 to 9, found " + std::to_string(options.ten_crop));
    if (options.part.count == 0) options_.size = std::clamp(images.count(), 1, options.size);
    start(0);
}

Batches::~Batches() {
    if (preparation_.valid()) preparation_.wait();
}

MapShape Batches::maps() const {
    return bordered(augmented_maps_, options_.border);
}

bool Batches::augmented() const {
    return options_.augmentation != Augmentation{} || options_.ten_crop != BatchOptions::no_ten_crop;
}

void Batches::start(int epoch, int first) {
    if (preparation_.valid()) preparation_.get();
    epoch_ = epoch;
    next_ = first;
    order_.resize(images_.count());
    std::iota(order_.begin(), order_.end(), 0);
    if (!options_.shuffled) return;
    RandomStream random(options_.seed, "order/" + std::to_string(epoch));
    shuffle(order_, random);
}

const Batch* Batches::next() {
    if (next_ >= count()) return nullptr;
    if (preparation_.valid()) {
        preparation_.get();
        std::swap(current_, ahead_);
    } else {
        fill(next_, current_);
    }
    ++next_;
    if (augmented()) prepare_ahead();
    return &current_;
}

void Batches::prepare_ahead() {
    if (next_ < count())
        preparation_ = std::async(std::launch::async, [this, index = next_] { fill(index, ahead_); });
}

/// The images of a whole batch.
std::span<const int> Batches::chosen_of(int index) const {
    const int first = index * options_.size, last = std::min(first + options_.size, images_.count());
    return {order_.data() + first, order_.data() + last};
}

void Batches::fill(int index, Batch& batch) const {
    const std::span<const int> whole = chosen_of(index);
    const int first = std::min<int>(options_.part.first, whole.size());
    const int size = options_.part.count ? options_.part.count : options_.size;
    const std::span<const int> chosen = whole.subspan(first, std::min<int>(size, whole.size() - first));
    if (!augmented()) {
        fill_batch(images_, chosen, size, options_.border, batch);
        batch.whole = int(whole.size());
        return;
    }
    begin_batch(images_, chosen, augmented_maps_, options_.border, size, batch);
    batch.whole = int(whole.size());
    std::vector<float> image(images_.maps.size()), changed(chosen.size() * augmented_maps_.size());
    std::vector<const float*> rows;
    for (std::size_t n = 0; n < chosen.size(); ++n) {
        const std::span<float> result(changed.data() + n * augmented_maps_.size(), augmented_maps_.size());
        images_.copy_image(chosen[n], image);
        if (options_.ten_crop == BatchOptions::no_ten_crop)
            augment(options_.augmentation, options_.seed, epoch_, chosen[n], image, images_.maps, result);
        else
            ten_crop(options_.ten_crop, options_.augmentation.crop, image, images_.maps, result);
        rows.push_back(result.data());
    }
    transpose<float>(rows, augmented_maps_, 1, options_.border, batch.images);
}

}  // namespace fftconv
