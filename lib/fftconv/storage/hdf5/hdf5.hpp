#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// A thin layer over the HDF5 1.10 C interface: handles that close themselves, errors as FileError, and one
/// way of writing (fixed-length UTF-8 strings, a dimension scale on every axis, units as attributes, chunks
/// with shuffle, deflate and Fletcher-32 checksums, a digest of every dataset). Elements of type T are float,
/// double, std::int32_t, std::int64_t, std::uint64_t, std::uint8_t and std::string.
///
/// Files are read as if an attacker had made them: every object has one name, reached by hard links and
/// not nested deeper than most_levels; a dataset must be stored whole in the file itself; memory is taken
/// only for what the stored bytes can unpack to; values must have the digest that the dataset carries, and
/// groups hold all that they list.
namespace fftconv::hdf5 {

/// Owns one HDF5 identifier (an hid_t; this header needs no hdf5.h).
class Handle {
  public:
    using Close = int (*)(std::int64_t);
    Handle() = default;
    Handle(std::int64_t id, Close close) : id_(id), close_(close) {}
    Handle(Handle&& other) noexcept;
    Handle& operator=(Handle&& other) noexcept;
    ~Handle();

    std::int64_t id() const { return id_; }
    /// Leaves the closing to the caller.
    std::int64_t release() { return std::exchange(id_, -1); }

  private:
    std::int64_t id_ = -1;
    Close close_ = nullptr;
};

class MemoryImage;
struct Context;

/// Row-major extents; empty for a scalar.
using Shape = std::vector<int>;

/// A group or a dataset: an open handle, where it is (for messages), and its attributes.
class Node {
  public:
    Node(Handle handle, std::shared_ptr<Context> context, std::string path);

    const std::string& file() const;
    /// Within the file, "/model/conv1".
    const std::string& path() const { return path_; }

    bool has_attribute(const std::string& name) const;
    /// Whether there is an attribute of this name that is one number.
    bool has_number(const std::string& name) const;
    std::vector<std::string> attribute_names() const;
    template <class T>
    void set_attribute(const std::string& name, const T& value);
    template <class T>
    void set_attribute(const std::string& name, const std::vector<T>& values);
    /// @throws FileError when there is none, or it is of another type or not one value.
    template <class T>
    T attribute(const std::string& name) const;
    template <class T>
    std::vector<T> attribute_values(const std::string& name) const;

  protected:
    /// The name of something inside this node, for messages.
    std::string child(const std::string& name) const;
    std::string attribute_path(const std::string& name) const;

    Handle handle_;
    std::shared_ptr<Context> context_;  ///< of the file
    std::string path_;

  private:
    template <class T>
    void write_attribute(const std::string& name, std::span<const T> values, const Shape& shape);
};

class Dataset : public Node {
  public:
    using Node::Node;

    Shape shape() const;
    /// Whether it only labels an axis of other datasets.
    bool is_scale() const;
    bool holds_strings() const;
    /// Empty when it has none.
    std::string unit() const;
    /// Numbers are converted to T where T can hold their kind: integers to floats, not floats to integers,
    /// and no text. Strings of fixed and variable length are read.
    /// @throws FileError also when the dataset is not stored whole, or its values have another digest.
    template <class T>
    std::vector<T> read() const;
    /// @throws FileError when the shape is another.
    template <class T>
    std::vector<T> read(const Shape& expected) const;

  private:
    friend class Group;
    bool needs_digest() const;
    void check_digest(const std::string& found) const;
    void make_scale(const std::string& axis);
    void attach_scale(const Dataset& scale, int axis);
};

class Group : public Node {
  public:
    using Node::Node;

    /// Whether a path of links below this group leads to something.
    /// @throws FileError on a link that is not hard: soft and external ones are not followed.
    bool has(const std::string& name) const;
    bool has_group(const std::string& name) const;
    /// Names of what the group holds, in the order of writing where the file keeps it, else by name.
    std::vector<std::string> names() const;
    /// Reads the dimension scales of this group, only to see that they are whole. @throws FileError
    void check_scales() const;

    /// Creates or opens a group in this one.
    Group create_group(const std::string& name);
    /// The same for a path of groups, "mnist/two-conv".
    Group create_path(const std::string& path);
    /// @throws FileError when there is none.
    Group group(const std::string& name) const;
    Dataset dataset(const std::string& name) const;

    /// Writes a new dataset; a path creates the groups on the way. Axis i gets the dimension scale `axes[i]`
    /// of the same group: the dataset itself if it bears that name, a scale that is there already, else a new
    /// one holding 0, 1, 2, … Where that name belongs to a scale of another length, it is `axes[i]`_length.
    /// An empty unit writes none.
    /// @throws FileError when the values do not fill the shape or the name is taken.
    template <class T>
    Dataset write(const std::string& name, std::span<const T> values, const Shape& shape,
                  const std::vector<std::string>& axes, const std::string& unit = "");
    template <class T>
    Dataset write_scalar(const std::string& name, const T& value, const std::string& unit = "");
    template <class T>
    T read_scalar(const std::string& name) const;

  private:
    friend class File;
    /// Lists what this group and those within it hold, each in an attribute.
    void list_members();
    /// @throws FileError when something is missing that the group held when it was written.
    void check_members() const;
    void check_name(const std::string& name) const;
    template <class T>
    Dataset create_dataset(const std::string& name, std::span<const T> values, const Shape& shape);
    Dataset scale(const std::string& axis, int length);
};

/// An HDF5 file. A new one is built in memory and reaches the disk whole, in save(): a full disk or a kill
/// can leave nothing half-written, and never meets HDF5 in the middle of its work.
class File {
  public:
    /// `path` is where save() will put it.
    static File create(const std::filesystem::path& path);
    /// For reading. @throws FileError when it cannot be opened or is not a whole HDF5 file.
    static File open(const std::filesystem::path& path);

    File(File&&) noexcept;
    ~File();

    Group root() const;
    /// From here on a dataset without a digest is an error. One that has a digest is checked in any case.
    void require_digests();
    /// From here on a group without the list of what it holds is an error. One that is there is checked in
    /// any case.
    void require_members();
    /// Completes the file and puts it in its place atomically (atomic_file.hpp). Its groups and datasets must
    /// be gone by then. @throws FileError
    void save() &&;

  private:
    File(std::unique_ptr<MemoryImage> image, Handle handle, std::shared_ptr<Context> context);

    std::unique_ptr<MemoryImage> image_;  ///< of a new file; outlives the handle
    Handle handle_;
    std::shared_ptr<Context> context_;
};

}  // namespace fftconv::hdf5
