#include "fftconv/dataset/formats/pictures.hpp"

#include <png.h>

#include <algorithm>
#include <cctype>

#include "fftconv/core/error.hpp"
#include "fftconv/core/ordinary_file.hpp"
#include "fftconv/core/sha256.hpp"

namespace fftconv {
namespace {

namespace fs = std::filesystem;

using Bytes = std::vector<std::uint8_t>;

constexpr std::uintmax_t most_picture_bytes = 64 << 20;
constexpr int most_pixels_across = 4096;

/// One picture, its channels interleaved as files have them.
struct Picture {
    int height = 0, width = 0, channels = 0;
    Bytes pixels;
};

void check_size(const fs::path& path, std::uintmax_t height, std::uintmax_t width) {
    if (height < 1 || width < 1 || height > most_pixels_across || width > most_pixels_across)
        throw FileError(path.string(), "size", "1 to 4096 pixels across",
                        std::to_string(height) + " × " + std::to_string(width));
}

/// What libpng's simplified interface holds, freed whatever happens.
struct PngImage {
    png_image image{};
    PngImage() { image.version = PNG_IMAGE_VERSION; }
    ~PngImage() { png_image_free(&image); }
    PngImage(const PngImage&) = delete;
    PngImage& operator=(const PngImage&) = delete;
};

/// A PNG without its remarks on how a screen shows it (gAMA, cHRM, sRGB, iCCP, sBIT): a pixel is the number
/// that was written, as in other formats. What is no chunk is left for libpng to complain of.
Bytes without_colour_space(const Bytes& file) {
    constexpr std::size_t signature = 8, frame = 12;  // length, type and check sum of a chunk
    Bytes result(file.begin(), file.begin() + signature);
    for (std::size_t at = signature; at < file.size();) {
        std::size_t size = file.size() - at;
        bool wanted = true;
        if (size >= frame) {
            const std::size_t length = std::size_t(file[at]) << 24 | std::size_t(file[at + 1]) << 16 |
                                       std::size_t(file[at + 2]) << 8 | file[at + 3];
            const std::string type(file.begin() + std::ptrdiff_t(at + 4),
                                   file.begin() + std::ptrdiff_t(at + 8));
            if (length <= size - frame) size = length + frame;
            for (const char* remark : {"gAMA", "cHRM", "sRGB", "iCCP", "sBIT"})
                wanted = wanted && type != remark;
        }
        const auto first = file.begin() + std::ptrdiff_t(at);
        if (wanted) result.insert(result.end(), first, first + std::ptrdiff_t(size));
        at += size;
    }
    return result;
}

/// Pixels of sixteen bits to the nearest of eight; what is transparent is black.
Picture read_png(const fs::path& path, const Bytes& whole_file) {
    const Bytes file = without_colour_space(whole_file);
    PngImage png;
    const auto fail = [&] { throw FileError(path.string(), "picture", "a whole PNG", png.image.message); };
    if (!png_image_begin_read_from_memory(&png.image, file.data(), file.size())) fail();
    check_size(path, png.image.height, png.image.width);
    const bool colour = png.image.format & PNG_FORMAT_FLAG_COLOR;
    png.image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // else libpng takes sixteen bits for linear light
    png.image.format = colour ? PNG_FORMAT_RGBA : PNG_FORMAT_GA;
    const int channels = colour ? 3 : 1;
    Bytes pixels(PNG_IMAGE_SIZE(png.image));
    if (!png_image_finish_read(&png.image, nullptr, pixels.data(), 0, nullptr)) fail();
    Picture picture{int(png.image.height), int(png.image.width), channels, {}};
    picture.pixels.resize(std::size_t(picture.height) * picture.width * channels);
    for (std::size_t i = 0; i < picture.pixels.size(); ++i) {
        const std::size_t pixel = i / channels * (channels + 1);
        const int opacity = pixels[pixel + channels];
        picture.pixels[i] = std::uint8_t((pixels[pixel + i % channels] * opacity + 127) / 255);
    }
    return picture;
}

/// The numbers of a PNM header: width, height, largest value. Comments go from # to the end of a line.
class PnmHeader {
  public:
    PnmHeader(const fs::path& path, const Bytes& file) : path_(path), file_(file) {}

    int number() {
        while (at_ < file_.size() && (std::isspace(file_[at_]) || file_[at_] == '#')) {
            const bool comment = file_[at_++] == '#';
            while (comment && at_ < file_.size() && file_[at_] != '\n') ++at_;
        }
        int value = 0, digits = 0;
        for (; at_ < file_.size() && std::isdigit(file_[at_]); ++at_, ++digits)
            if (digits < 6) value = value * 10 + (file_[at_] - '0');
        if (digits == 0 || digits > 6)
            throw FileError(path_.string(), "header", "numbers of at most six digits", "something else");
        return value;
    }
    std::size_t end() const { return at_ + 1; }  // one white space before the pixels

  private:
    const fs::path& path_;
    const Bytes& file_;
    std::size_t at_ = 2;
};

Picture read_pnm(const fs::path& path, const Bytes& file) {
    PnmHeader header(path, file);
    const int width = header.number(), height = header.number(), most = header.number();
    check_size(path, std::uintmax_t(height), std::uintmax_t(width));
    if (most != 255) throw FileError(path.string(), "largest value", "255", std::to_string(most));
    const int channels = file[1] == '6' ? 3 : 1;
    const std::size_t pixels = std::size_t(height) * width * channels;
    if (file.size() < header.end() || file.size() - header.end() != pixels)
        throw FileError(path.string(), "length", std::to_string(header.end() + pixels) + " bytes",
                        std::to_string(file.size()));
    return {height, width, channels, Bytes(file.begin() + std::ptrdiff_t(header.end()), file.end())};
}

Picture read_picture(const fs::path& path, const Bytes& file) {
    constexpr std::uint8_t png[] = {0x89, 'P', 'N', 'G'};
    if (file.size() > 8 && std::equal(png, png + 4, file.begin())) return read_png(path, file);
    if (file.size() > 2 && file[0] == 'P' && (file[1] == '5' || file[1] == '6')) return read_pnm(path, file);
    throw FileError(path.string(), "picture", "PNG, or binary PPM or PGM", "something else");
}

std::vector<fs::path> sorted_entries(const fs::path& folder, bool folders) {
    std::vector<fs::path> found;
    std::error_code reason;
    for (fs::directory_iterator entry(folder, reason), end; !reason && entry != end; entry.increment(reason))
        if (entry->path().filename().string()[0] != '.' && entry->is_directory() == folders)
            found.push_back(entry->path());
    if (reason) throw FileError(folder.string(), "folder", "a readable folder", reason.message());
    std::ranges::sort(found);
    return found;
}

/// Interleaved pixels to planes, a grey picture to as many of them as `channels`.
void append_planes(const Picture& picture, int channels, Bytes& to) {
    const std::size_t pixels = std::size_t(picture.height) * picture.width;
    for (int c = 0; c < channels; ++c)
        for (std::size_t i = 0; i < pixels; ++i)
            to.push_back(picture.pixels[i * picture.channels + (picture.channels == 1 ? 0 : c)]);
}

/// Pictures and their labels, with the digest of the files.
struct Reading {
    std::vector<Picture> pictures;
    std::vector<std::uint8_t> labels;
    Sha256 digest;

    void add(const fs::path& path, std::uint8_t label) {
        const Bytes file = read_ordinary_file(path, most_picture_bytes);
        const std::string line =
            sha256(file) + "  " + (path.parent_path().filename() / path.filename()).string() + "\n";
        digest.update({reinterpret_cast<const std::uint8_t*>(line.data()), line.size()});
        pictures.push_back(read_picture(path, file));
        labels.push_back(label);
        const Picture &first = pictures.front(), &last = pictures.back();
        if (first.height != last.height || first.width != last.width)
            throw FileError(path.string(), "size",
                            std::to_string(first.height) + " × " + std::to_string(first.width) +
                                " pixels, as the first picture has",
                            std::to_string(last.height) + " × " + std::to_string(last.width));
    }
};

}  // namespace

bool holds_pictures(const fs::path& folder) {
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored)) return false;
    for (const fs::path& each : sorted_entries(folder, true))
        for (const fs::path& file : sorted_entries(each, false))
            for (const char* ending : {".png", ".PNG", ".ppm", ".pgm"})
                if (file.extension() == ending) return true;
    return false;
}

PictureFolder read_pictures(const fs::path& folder, const std::vector<std::string>& classes, bool colour) {
    PictureFolder result;
    Reading reading;
    const std::vector<fs::path> folders = sorted_entries(folder, true);
    if (folders.empty() || folders.size() > 256)
        throw FileError(folder.string(), "classes", "1 to 256 folders", std::to_string(folders.size()));
    for (const fs::path& each : folders) {
        if (const std::vector<fs::path> inside = sorted_entries(each, true); !inside.empty())
            throw FileError(each.string(), "class", "pictures alone",
                            "the folder " + inside.front().filename().string());
        result.classes.push_back(each.filename().string());
        for (const fs::path& file : sorted_entries(each, false))
            reading.add(file, std::uint8_t(result.classes.size() - 1));
    }
    if (!classes.empty() && classes != result.classes)
        throw FileError(folder.string(), "classes", "those of the training pictures", "others");
    if (reading.pictures.empty()) throw FileError(folder.string(), "pictures", "at least one", "none");
    for (const Picture& picture : reading.pictures) colour = colour || picture.channels == 3;
    const Picture& first = reading.pictures.front();
    result.images.maps = {colour ? 3 : 1, first.height, first.width};
    result.images.classes = int(result.classes.size());
    Bytes pixels;
    for (const Picture& picture : reading.pictures) append_planes(picture, colour ? 3 : 1, pixels);
    result.images.pixels = std::move(pixels);
    result.images.labels = std::move(reading.labels);
    result.sha256 = reading.digest.hexadecimal();
    return result;
}

}  // namespace fftconv
