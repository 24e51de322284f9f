#pragma once
#include <cstdint>
#include <future>
#include <span>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/dataset/augment.hpp"
#include "fftconv/dataset/images.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// What a network is given at once.
struct Batch {
    Tensor images;                     ///< (C, H, W, N)
    std::vector<std::uint8_t> labels;  ///< (N); 0 where n ≥ valid
    int valid = 0;                     ///< images that count; those after them are zero
    int whole = 0;                     ///< images that count in the whole batch, of which this may be a part
};

/// Images first … first + count − 1 of every batch.
struct BatchPart {
    int first = 0, count = 0;  ///< count 0: all
};

/// Writes the images of `indices` into a batch of `size` ≥ indices.size(), with `border` zero pixels added on
/// every side (2 makes 32×32 of 28×28), and zero images after them.
/// @throws ShapeError on more indices than `size`, or an index that is not there.
void fill_batch(const LabelledImages& images, std::span<const int> indices, int size, int border,
                Batch& batch);

/// How the images of an epoch become batches.
struct BatchOptions {
    int size = 50;   ///< N, at most as many as there are images (unless in parts); the last batch of an epoch
                     ///< is filled up with zero images
    int border = 0;  ///< zero pixels added on every side
    bool shuffled = false;        ///< a new order each epoch, from (seed, epoch) alone
    std::uint64_t seed = 1;       ///< of order and augmentation
    Augmentation augmentation{};  ///< nothing by default
    BatchPart part{};             ///< the images that are prepared, as if the others were not there
    int ten_crop = no_ten_crop;  ///< 0 … 9: this one of ten_crop(…, augmentation.crop, …), and nothing random

    /// No crop of the ten.
    static constexpr int no_ten_crop = -1;
};

/// The options with the border or the crop that makes images of this shape fit a network's input: zeros on
/// every side where it takes larger images; where it takes smaller ones a crop, at random, or the centre's
/// when `at_centre`. @throws ShapeError when neither does.
BatchOptions fitted(BatchOptions options, MapShape images, MapShape input, bool at_centre);

/// The batches of an epoch, in order. Augmented ones are each prepared by a thread of its own while the batch
/// before is in use; plain ones cost less than handing them over would. What comes out depends on options and
/// epoch alone. The images must outlive it.
class Batches {
  public:
    /// @throws UsageError on options that make no sense.
    Batches(const LabelledImages& images, const BatchOptions& options);
    ~Batches();
    Batches(const Batches&) = delete;
    Batches& operator=(const Batches&) = delete;

    /// Of each batch's tensor, crop and border included.
    MapShape maps() const;
    /// Images in all.
    int images() const { return images_.count(); }
    /// Images of a batch.
    int size() const { return options_.size; }
    /// Batches of an epoch.
    int count() const { return (images_.count() + options_.size - 1) / options_.size; }
    /// Begins this epoch at batch `first`; what was left of another epoch is given up.
    void start(int epoch, int first = 0);
    /// The next batch, good until the next call of next or start; null after the epoch's last.
    const Batch* next();

  private:
    bool augmented() const;
    std::span<const int> chosen_of(int index) const;
    void fill(int index, Batch& batch) const;
    void prepare_ahead();

    const LabelledImages& images_;
    BatchOptions options_;
    MapShape augmented_maps_;  // before the border
    int epoch_ = 0, next_ = 0;
    std::vector<int> order_;  // of the epoch's images
    Batch current_, ahead_;
    std::future<void> preparation_;  // of ahead_, batch next_
};

}  // namespace fftconv
