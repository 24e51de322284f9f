#include "fftconv/dataset/formats/npz.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
// GCC 12 warns of an uninitialised std::function inside its own <regex> when sanitizers are on (bug 105562).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <regex>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include "fftconv/core/error.hpp"
#include "fftconv/core/ordinary_file.hpp"
#include "fftconv/core/sha256.hpp"

namespace fftconv {
namespace {

/// An array as it lies in the archive.
struct NpyArray {
    std::string field;  // of messages: the name within the archive
    std::string type;   // "|u1", "<i8", …
    std::vector<std::size_t> shape;
    std::vector<std::uint8_t> bytes;
};
using Arrays = std::map<std::string, NpyArray>;

/// The zip archive, entry by entry.
class Zip {
  public:
    explicit Zip(const std::string& path) : path_(path) {
        archive_read_support_format_zip(reader_.get());
        if (archive_read_open_filename(reader_.get(), path.c_str(), 1 << 17) != ARCHIVE_OK) fail();
    }

    /// The name of the next entry; none at the end.
    std::optional<std::string> next() {
        archive_entry* entry = nullptr;
        const int status = archive_read_next_header(reader_.get(), &entry);
        if (status == ARCHIVE_EOF) return std::nullopt;
        if (status != ARCHIVE_OK) fail();
        const char* name = archive_entry_pathname(entry);
        return name ? name : "";
    }
    /// The next bytes of the entry, fewer than `count` only at its end.
    std::size_t read(std::uint8_t* bytes, std::size_t count) {
        std::size_t filled = 0;
        while (filled < count) {
            const la_ssize_t got = archive_read_data(reader_.get(), bytes + filled, count - filled);
            if (got < 0) fail();
            if (got == 0) break;
            filled += std::size_t(got);
        }
        return filled;
    }

  private:
    [[noreturn]] void fail() {
        const char* reason = archive_error_string(reader_.get());
        throw FileError(path_, "archive", "a whole .npz (zip)", reason ? reason : "damage");
    }

    const std::string path_;
    std::unique_ptr<archive, decltype(&archive_read_free)> reader_{archive_read_new(), archive_read_free};
};

/// The header of the NPY format, versions 1 to 3: magic, version, length, and a Python dictionary.
NpyArray parse_header(const std::string& path, const std::string& field, const std::string& dictionary) {
    static const std::regex form(
        "\\s*\\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \\(([0-9, ]*)\\), \\}\\s*");
    std::smatch found;
    if (!std::regex_match(dictionary, found, form))
        throw FileError(path, field, "a header of NPY", dictionary.substr(0, 80));
    if (found[2] == "True")
        throw FileError(path, field, "an array in C order, as numpy.ascontiguousarray makes one",
                        "fortran_order: True");
    NpyArray array{field, found[1], {}, {}};
    const std::string shape = found[3];
    static const std::regex number("[0-9]+");
    for (std::sregex_iterator it(shape.begin(), shape.end(), number), end; it != end; ++it) {
        const std::string digits = it->str();
        if (digits.size() > 9) throw FileError(path, field, "extents below a billion", digits);
        array.shape.push_back(std::stoul(digits));
    }
    return array;
}

NpyArray read_header(Zip& zip, const std::string& path, const std::string& field) {
    std::uint8_t start[12] = {};
    constexpr std::uint8_t magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    const auto fail = [&] {
        throw FileError(path, field, "an array of NPY, version 1 to 3", "something else");
    };
    if (zip.read(start, 10) != 10 || !std::equal(magic, magic + 6, start) || start[6] < 1 || start[6] > 3)
        fail();
    std::size_t length = start[8] | start[9] << 8;
    if (start[6] > 1) {
        if (zip.read(start + 10, 2) != 2 || start[10] || start[11]) fail();
    }
    std::string dictionary(length, ' ');
    if (zip.read(reinterpret_cast<std::uint8_t*>(dictionary.data()), length) != length) fail();
    return parse_header(path, field, dictionary);
}

/// Bytes of a value of an integer type; none for others.
std::optional<std::size_t> width_of(const std::string& type) {
    if (type.size() != 3 || (type[0] != '|' && type[0] != '<') || (type[1] != 'u' && type[1] != 'i'))
        return std::nullopt;
    const int width = type[2] - '0';
    if (width != 1 && width != 2 && width != 4 && width != 8) return std::nullopt;
    return std::size_t(width);
}

/// Memory is taken as data comes, up to what the extents ask for.
NpyArray read_array(Zip& zip, const std::string& path, const std::string& field) {
    NpyArray array = read_header(zip, path, field);
    const auto width = width_of(array.type);
    if (!width) throw FileError(path, field, "integers, little-endian", "'" + array.type + "'");
    unsigned __int128 expected = *width;
    for (const std::size_t extent : array.shape) expected *= extent;
    for (std::size_t filled = 0; filled == array.bytes.size() && filled < expected;) {
        constexpr std::size_t block = 1 << 24;
        array.bytes.resize(std::size_t(std::min<unsigned __int128>(expected, filled + block)));
        filled += zip.read(array.bytes.data() + filled, array.bytes.size() - filled);
        if (filled < array.bytes.size())
            throw FileError(path, field, "as many values as its extents say",
                            std::to_string(filled) + " bytes");
    }
    if (std::uint8_t more = 0; zip.read(&more, 1) != 0)
        throw FileError(path, field, std::to_string(array.bytes.size()) + " bytes", "more");
    return array;
}

Arrays read_arrays(const std::string& path) {
    static const char* names[] = {"x_train",      "y_train",      "x_test",      "y_test",
                                  "train_images", "train_labels", "test_images", "test_labels"};
    Zip zip(path);
    Arrays arrays;
    while (const auto entry = zip.next()) {
        const std::string name = entry->ends_with(".npy") ? entry->substr(0, entry->size() - 4) : *entry;
        if (std::ranges::find(names, name) == std::end(names)) continue;
        if (!arrays.emplace(name, read_array(zip, path, name)).second)
            throw FileError(path, name, "one array of this name", "two");
    }
    return arrays;
}

const NpyArray& array_of(const Arrays& arrays, const std::string& path, const std::string& keras,
                         const std::string& medmnist) {
    for (const std::string& name : {keras, medmnist})
        if (const auto found = arrays.find(name); found != arrays.end()) return found->second;
    throw FileError(path, keras, "an array of this name, or " + medmnist, "none");
}

/// (N, H, W), (N, H, W, C) or (N, C, H, W) to (N, C, H, W).
LabelledImages images_of(const std::string& path, const NpyArray& array) {
    const std::vector<std::size_t>& s = array.shape;
    const auto is_channels = [&](std::size_t axis) {
        return s.size() == 4 && (s[axis] == 1 || s[axis] == 3);
    };
    const bool last = is_channels(3), first = !last && is_channels(1);
    if (array.type[1] != 'u' || array.type[2] != '1' || (s.size() != 3 && !last && !first) || s[0] == 0)
        throw FileError(path, array.field, "bytes, (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1 or 3",
                        "'" + array.type + "' of " + std::to_string(s.size()) + " axes");
    const std::size_t height = s[first ? 2 : 1], width = s[first ? 3 : 2],
                      channels = last    ? s[3]
                                 : first ? s[1]
                                         : 1;
    if (height < 1 || width < 1 || height > 4096 || width > 4096)
        throw FileError(path, array.field, "1 to 4096 pixels across",
                        std::to_string(height) + " × " + std::to_string(width));
    LabelledImages images{.maps = {int(channels), int(height), int(width)}, .pixels = {}, .labels = {}};
    if (!last || channels == 1) {
        images.pixels = array.bytes;
        return images;
    }
    std::vector<std::uint8_t> pixels(array.bytes.size());
    const std::size_t plane = height * width;
    for (std::size_t i = 0; i < pixels.size(); ++i)
        pixels[i / (plane * 3) * plane * 3 + i % 3 * plane + i / 3 % plane] = array.bytes[i];
    images.pixels = std::move(pixels);
    return images;
}

/// "120 x 3"
std::string extents_text(const std::vector<std::size_t>& extents) {
    std::string text;
    for (const std::size_t extent : extents) text += (text.empty() ? "" : " x ") + std::to_string(extent);
    return text;
}

std::vector<std::uint8_t> labels_of(const std::string& path, const NpyArray& array, std::size_t count) {
    const std::vector<std::size_t>& s = array.shape;
    if (s.empty() || s[0] != count || s.size() > 2 || (s.size() == 2 && s[1] != 1))
        throw FileError(path, array.field, std::to_string(count) + " labels, one for each image",
                        s.empty() ? "one" : extents_text(s));
    const std::size_t width = *width_of(array.type);
    std::vector<std::uint8_t> labels(count);
    for (std::size_t n = 0; n < count; ++n) {
        labels[n] = array.bytes[n * width];
        for (std::size_t i = 1; i < width; ++i)
            if (array.bytes[n * width + i] != 0)
                throw FileError(path, array.field, "labels from 0 to 255", "another at " + std::to_string(n));
        if (array.type[1] == 'i' && width == 1 && labels[n] > 127)
            throw FileError(path, array.field, "labels from 0 to 255", "another at " + std::to_string(n));
    }
    return labels;
}

LabelledImages labelled(const std::string& path, const NpyArray& images, const NpyArray& labels) {
    LabelledImages result = images_of(path, images);
    result.labels = labels_of(path, labels, images.shape[0]);
    return result;
}

}  // namespace

NpzImages read_npz(const std::filesystem::path& file) {
    size_of_ordinary_file(file);
    const std::string path = file.string();
    const Arrays arrays = read_arrays(path);
    const auto pair = [&](const std::string& part) {
        const NpyArray& images = array_of(arrays, path, "x_" + part, part + "_images");
        return labelled(path, images, array_of(arrays, path, "y_" + part, part + "_labels"));
    };
    NpzImages result{pair("train"), pair("test"), sha256_of_file(file)};
    int classes = 10;
    for (const LabelledImages* images : {&result.train, &result.test})
        classes = std::max(classes, 1 + *std::ranges::max_element(images->labels));
    result.train.classes = result.test.classes = classes;
    return result;
}

}  // namespace fftconv
