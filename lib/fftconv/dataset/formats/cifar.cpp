#include "fftconv/dataset/formats/cifar.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "fftconv/core/error.hpp"
#include "fftconv/core/ordinary_file.hpp"
#include "fftconv/core/sha256.hpp"
#include "fftconv/dataset/formats/unpacked_file.hpp"

namespace fftconv {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr MapShape cifar_maps{3, 32, 32};
constexpr std::size_t record_size = 1 + 3 * 32 * 32;
const std::array<std::string, 6> names = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                          "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};

/// Published files hold 10,000 records; memory for more than ten times that is not taken.
constexpr std::uintmax_t most_bytes = 100'000 * record_size;
/// The published archive unpacks to 185 MB.
constexpr std::uintmax_t most_unpacked = std::uintmax_t{1} << 30;

/// Gives libarchive the tar file out of the .gz: it does not compare gzip's checksum itself, zlib does.
class Unpacked {
  public:
    explicit Unpacked(const std::string& path) : file_(path) {}

    static la_ssize_t next(archive* reader, void* self, const void** bytes) {
        Unpacked& unpacked = *static_cast<Unpacked*>(self);
        *bytes = unpacked.block_.data();
        try {
            return la_ssize_t(unpacked.read());
        } catch (const FileError& error) {  // no exception passes through C
            unpacked.error_ = error;
            archive_set_error(reader, EIO, "%s", error.found().c_str());
            return -1;
        }
    }
    /// What the file is when libarchive has what it wants: the checksum comes last.
    void finish() {
        constexpr std::uintmax_t most = 1 << 24;  // tar pads with some KB of zeros
        for (std::uintmax_t rest = 0; rest < most;) {
            const std::size_t got = read();
            if (got == 0) return;
            rest += got;
        }
        throw FileError(file_.path(), "archive", "its end",
                        "more than " + std::to_string(most) + " bytes after it");
    }
    [[noreturn]] void fail(archive* reader) const {
        if (error_) throw FileError(*error_);
        const char* reason = archive_error_string(reader);
        throw FileError(file_.path(), "archive", "a whole .tar.gz", reason ? reason : "damage");
    }

  private:
    std::size_t read() {
        const std::size_t got = file_.read(block_.data(), block_.size());
        if ((total_ += got) > most_unpacked)
            throw FileError(file_.path(), "archive",
                            "at most " + std::to_string(most_unpacked) + " bytes unpacked", "more");
        return got;
    }

    UnpackedFile file_;
    std::uintmax_t total_ = 0;
    Bytes block_ = Bytes(1 << 16);
    std::optional<FileError> error_;
};

/// The bytes of the entry whose header was just read.
Bytes read_entry(archive* reader, archive_entry* entry, const Unpacked& unpacked, const std::string& path) {
    const la_int64_t length = archive_entry_size(entry);
    if (archive_entry_filetype(entry) != AE_IFREG || length < 0 || std::uintmax_t(length) > most_bytes)
        throw FileError(path, "length",
                        "an ordinary file of at most " + std::to_string(most_bytes) + " bytes",
                        std::to_string(length));
    Bytes bytes;
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    int status = ARCHIVE_OK;
    while ((status = archive_read_data_block(reader, &block, &size, &offset)) == ARCHIVE_OK) {
        const auto* first = static_cast<const std::uint8_t*>(block);
        if (std::uintmax_t(offset) != bytes.size() || bytes.size() + size > std::uintmax_t(length))
            throw FileError(path, "data", "one piece of " + std::to_string(length) + " bytes", "another");
        bytes.insert(bytes.end(), first, first + size);
    }
    if (status != ARCHIVE_EOF) unpacked.fail(reader);
    return bytes;
}

std::array<Bytes, 6> read_archive(const std::string& path) {
    Unpacked unpacked(path);
    const std::unique_ptr<archive, decltype(&archive_read_free)> reader(archive_read_new(),
                                                                        archive_read_free);
    archive_read_support_format_tar(reader.get());
    if (archive_read_open(reader.get(), &unpacked, nullptr, Unpacked::next, nullptr) != ARCHIVE_OK)
        unpacked.fail(reader.get());
    std::array<Bytes, 6> files;
    archive_entry* entry = nullptr;
    int status = ARCHIVE_OK;
    while ((status = archive_read_next_header(reader.get(), &entry)) == ARCHIVE_OK) {
        const char* pathname = archive_entry_pathname(entry);
        const auto name = std::filesystem::path(pathname ? pathname : "").filename();
        const auto found = std::find(names.begin(), names.end(), name);
        if (found == names.end()) continue;
        Bytes& file = files[found - names.begin()];
        if (!file.empty()) throw FileError(path, name.string(), "one file of this name", "two");
        file = read_entry(reader.get(), entry, unpacked, (std::filesystem::path(path) / name).string());
    }
    if (status != ARCHIVE_EOF) unpacked.fail(reader.get());
    unpacked.finish();
    for (std::size_t i = 0; i < names.size(); ++i)
        if (files[i].empty()) throw FileError(path, names[i], "a file of this name in the archive", "none");
    return files;
}

LabelledImages to_images(const Bytes& file, const std::filesystem::path& path) {
    if (file.empty() || file.size() % record_size != 0)
        throw FileError(path.string(), "length",
                        "a multiple of 3073 bytes (label, 3 × 32 × 32 pixels), at least one",
                        std::to_string(file.size()) + " bytes");
    LabelledImages images{.maps = cifar_maps, .pixels = {}, .labels = {}, .classes = 10};
    auto& pixels = std::get<Bytes>(images.pixels);
    pixels.reserve(file.size() / record_size * cifar_maps.size());
    for (auto record = file.begin(); record != file.end(); record += record_size) {
        images.labels.push_back(*record);
        pixels.insert(pixels.end(), record + 1, record + record_size);
    }
    check_labels(images.labels, images.classes, path);
    return images;
}

}  // namespace

Cifar10 read_cifar10(const std::filesystem::path& source) {
    const bool folder = std::filesystem::is_directory(source);
    std::array<Bytes, 6> files;
    if (!folder) files = read_archive(source.string());
    Cifar10 result;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::filesystem::path path = source / names[i];
        const Bytes file = folder ? read_ordinary_file(path, most_bytes) : std::exchange(files[i], {});
        result.sha256.push_back(sha256(file));
        LabelledImages images = to_images(file, path);
        if (i == 0)
            result.train = std::move(images);
        else if (names[i] == "test_batch.bin")
            result.test = std::move(images);
        else if (images.count() * int(i) != result.train.count())
            throw FileError(path.string(), "records",
                            std::to_string(result.train.count() / i) + " as in " + names[0],
                            std::to_string(images.count()));
        else
            result.train.append(images);
    }
    return result;
}

}  // namespace fftconv
