#include <cstdlib>

#include "fftconv/core/atomic_file.hpp"
#include "fftconv/storage/hdf5/hdf5_values-inl.hpp"

namespace fftconv::hdf5 {

/// The bytes of a file that HDF5 builds in memory. They are ours, so that they outlast its closing: only then
/// are they a complete file. (H5Fget_file_image, which needs no closing, spoils the superblock's checksum
/// before HDF5 2.0: github.com/HDFGroup/hdf5/issues/1915.)
class MemoryImage {
  public:
    MemoryImage() = default;
    MemoryImage(const MemoryImage&) = delete;
    MemoryImage& operator=(const MemoryImage&) = delete;
    ~MemoryImage() { std::free(bytes_); }

    H5FD_file_image_callbacks_t callbacks() { return {nullptr, nullptr, grow, keep, share, leave, this}; }
    /// Of the closed file: up to the end-of-file address in its superblock (HDF5 File Format Specification,
    /// II.A, version 2), 8 bytes little-endian. Beyond lies what HDF5 had in reserve.
    std::span<const std::byte> bytes() const {
        constexpr std::size_t address = 28, width = 8;
        const auto* begin = static_cast<const std::byte*>(bytes_);
        std::size_t size = 0;
        for (std::size_t i = 0; i < width; ++i) size |= std::size_t(begin[address + i]) << (8 * i);
        return {begin, size};
    }

  private:
    static void* grow(void* bytes, std::size_t size, H5FD_file_image_op_t, void* image) {
        void* grown = std::realloc(bytes, size);
        if (grown) static_cast<MemoryImage*>(image)->bytes_ = grown;
        return grown;
    }
    static herr_t keep(void*, H5FD_file_image_op_t, void*) { return 0; }
    static void* share(void* image) { return image; }
    static herr_t leave(void*) { return 0; }

    void* bytes_ = nullptr;
};

File::File(std::unique_ptr<MemoryImage> image, Handle handle, std::shared_ptr<Context> context)
    : image_(std::move(image)), handle_(std::move(handle)), context_(std::move(context)) {}
File::File(File&&) noexcept = default;
File::~File() = default;

File File::create(const std::filesystem::path& path) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // failures become exceptions; nothing is printed
    auto image = std::make_unique<MemoryImage>();
    H5FD_file_image_callbacks_t callbacks = image->callbacks();
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose), creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    H5Pset_fapl_core(access.id(), std::size_t{1} << 20, /*backing_store=*/false);
    H5Pset_file_image_callbacks(access.id(), &callbacks);
    // The format of 1.10 has checksums in all of its metadata, the chunk indices included.
    H5Pset_libver_bounds(access.id(), H5F_LIBVER_V110, H5F_LIBVER_V110);
    H5Pset_fclose_degree(access.id(), H5F_CLOSE_SEMI);
    keep_order_of_links(creation.id());
    // HDF5 would read a file that is at this name already, though it will not write there: so, one that
    // cannot be.
    const std::filesystem::path nowhere = path / "in-memory";
    const hid_t made = H5Fcreate(nowhere.c_str(), H5F_ACC_TRUNC, creation.id(), access.id());
    Handle handle(require(made, path.string(), "/", "memory for a new file"), H5Fclose);
    auto context = std::make_shared<Context>();
    context->file = path.string();
    context->new_file = true;
    return {std::move(image), std::move(handle), std::move(context)};
}

namespace {

/// HDF5 would wait for a FIFO, and read a device.
hsize_t size_of(const std::filesystem::path& path) {
    std::error_code reason;
    const std::filesystem::file_status status = std::filesystem::status(path, reason);
    if (!std::filesystem::exists(status))
        throw FileError(path.string(), "opening", "a file", reason.message());
    if (std::filesystem::is_directory(status))
        throw FileError(path.string(), "opening", "an HDF5 file", "a directory");
    if (!std::filesystem::is_regular_file(status))
        throw FileError(path.string(), "opening", "an HDF5 file", "a FIFO, socket or device");
    const std::uintmax_t size = std::filesystem::file_size(path, reason);
    if (reason) throw FileError(path.string(), "opening", "an HDF5 file", reason.message());
    return size;
}

}  // namespace

File File::open(const std::filesystem::path& path) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    auto context = std::make_shared<Context>();
    context->file = path.string();
    context->size = size_of(path);
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_file_locking(access.id(), false, true);  // files are replaced whole, so readers need no lock
    const hid_t opened = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id());
    Handle handle(require(opened, path.string(), "opening", "a whole HDF5 file"), H5Fclose);
    return {nullptr, std::move(handle), std::move(context)};
}

Group File::root() const {
    const hid_t opened = H5Gopen2(handle_.id(), "/", H5P_DEFAULT);
    Group root({require(opened, context_->file, "/", "a root group"), H5Gclose}, context_, "/");
    root.check_members();
    return root;
}

void File::require_digests() {
    context_->digests_required = true;
}

void File::require_members() {
    context_->members_required = true;
}

void File::save() && {
    root().list_members();
    require(H5Fclose(handle_.release()), context_->file, "/", "a file that can be completed");
    replace_file(context_->file, image_->bytes());
}

}  // namespace fftconv::hdf5
