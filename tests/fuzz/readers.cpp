#include "fuzz/readers.hpp"

#include <zlib.h>

#include <bit>
#include <cstring>
#include <span>
#include <sstream>

#include "common/training_options.hpp"
#include "dataset/files.hpp"
#include "fftconv/core/sha256.hpp"
#include "fftconv/dataset/formats/cifar.hpp"
#include "fftconv/dataset/formats/idx.hpp"
#include "fftconv/dataset/formats/npz.hpp"
#include "fftconv/dataset/formats/pictures.hpp"
#include "fftconv/dataset/formats/svhn.hpp"
#include "fftconv/storage/training_checkpoint.hpp"
#include "storage/samples.hpp"

namespace fftconv::test {

namespace fs = std::filesystem;

namespace {

/// SHA-256 of whatever is put into it, with its sizes.
class Content {
  public:
    Content& operator<<(const std::string& text) { return put(text.data(), text.size()); }
    Content& operator<<(double number) { return put(&number, sizeof number); }
    Content& operator<<(std::uint64_t number) { return put(&number, sizeof number); }
    template <class T>
    Content& operator<<(const std::vector<T>& values) {
        const std::uint64_t size = values.size();
        put(&size, sizeof size);
        if constexpr (std::is_arithmetic_v<T>)
            put(values.data(), values.size() * sizeof(T));
        else
            for (const T& value : values) *this << value;
        return *this;
    }
    Content& operator<<(const NamedArray& array) {
        return *this << array.name << array.shape << array.values;
    }
    Content& operator<<(const LayerMask& mask) {
        return *this << mask.layer << mask.feature_map << mask.kernel << mask.intra_kernel;
    }
    Content& operator<<(const Curve& c) {
        return *this << c.method << c.epoch << c.train_loss << c.validation_mcr << c.test_mcr
                     << c.train_seconds << c.test_seconds;
    }
    Content& operator<<(const Column& column) {
        *this << column.name << column.unit;
        std::visit([this](const auto& values) { *this << values; }, column.values);
        return *this;
    }
    Content& operator<<(const Table& table) { return *this << table.name << table.title << table.columns; }
    Content& operator<<(const StreamPosition& s) { return *this << s.stream << s.seed << s.position; }
    Content& operator<<(const DatasetRecord& d) {
        return *this << d.name << d.sha256 << d.split_seed << double(d.n_train) << double(d.n_validation)
                     << double(d.n_test);
    }
    Content& operator<<(const ResultRecord& r) {
        return *this << r.resolved_toml << r.dataset << r.curves << r.tables;
    }
    Content& operator<<(const LabelledImages& images) {
        *this << images.labels << double(images.classes) << double(images.maps.size());
        std::visit([this](const auto& pixels) { *this << pixels; }, images.pixels);
        return *this;
    }
    Reading reading(const std::string& digest = "") { return {sha256_.hexadecimal(), digest}; }

  private:
    Content& put(const void* bytes, std::size_t size) {
        sha256_.update({static_cast<const std::uint8_t*>(bytes), size});
        return *this;
    }
    Sha256 sha256_;
};

Reading checkpoint(const fs::path& file) {
    const Checkpoint c = read_checkpoint(file);
    Content content;
    content << c.architecture << c.layer_names << c.model << c.masks << c.optimizer << c.optimizer_state
            << double(c.state.epoch) << double(c.state.step) << c.random << c.curves << c.resolved_toml
            << c.dataset << c.extra;
    for (const auto& [name, value] : c.state.values) content << name << value;
    load_network(c, file, {.engine = "direct", .batch = 1});
    return content.reading();
}

Reading mask(const fs::path& file) {
    const MaskRecord m = read_masks(file);
    Content content;
    content << m.resolved_toml << m.dataset << m.masks << m.checkpoint_sha256 << m.search.criterion
            << m.search.granularity << m.search.ratio << double(m.search.selected) << m.search.seed
            << m.search.validation_mcr;
    return content.reading();
}

Reading collection(const fs::path& file) {
    Content content;
    for (const Experiment& each : read_experiments(file))
        content << each.name << each.header.git_commit << each.header.created_utc << each.record;
    return content.reading();
}

Reading idx_images(const fs::path& file) {
    const IdxArray array = read_idx(file, 3);
    return (Content() << array.shape << array.bytes).reading(array.sha256);
}

Reading cifar(const fs::path& source) {
    const Cifar10 read = read_cifar10(source);
    std::string digest;
    for (const std::string& each : read.sha256) digest += each;
    return (Content() << read.train << read.test).reading(digest);
}

Reading svhn(const fs::path& file) {
    return (Content() << read_svhn(file)).reading(sha256_of_file(file));
}

Reading toml(const fs::path& file) {
    const Bytes bytes = read(file);
    TrainOptions train;
    Options options("fftconv-train", "");
    add_train_options(options, train);
    options.load(std::string(bytes.begin(), bytes.end()));
    return (Content() << options.resolved_toml()).reading();
}

template <class Record>
Bytes written(const fs::path& file, void (*write)(const fs::path&, const Record&), const Record& record) {
    write(file, record);
    return read(file);
}

/// A checkpoint whose arrays fit its architecture.
Checkpoint small_checkpoint() {
    Checkpoint checkpoint = sample_checkpoint();
    const Network network(parse_architecture("1x8x8:2C3-P2-10Softmax"), {.engine = "direct", .batch = 1});
    checkpoint.architecture = to_string(network.architecture());
    checkpoint.layer_names = network.layer_names();
    checkpoint.model = network.state();
    LayerMask mask{.layer = "conv1", .out = 2, .in = 1};
    mask.kernel = {1, 0};
    checkpoint.masks = {mask};
    return checkpoint;
}

Bytes gzipped(const fs::path& file, const Bytes& bytes) {
    write_gzipped(file, bytes);
    return read(file);
}

/// A tar archive of files of 512-byte blocks; POSIX.1-1988, without what nobody looks at.
Bytes tar(const std::vector<std::pair<std::string, Bytes>>& files) {
    Bytes archive;
    for (const auto& [name, contents] : files) {
        char header[512] = {};
        std::memcpy(header, name.data(), name.size());
        std::snprintf(header + 100, 8, "%07o", 0644);
        std::snprintf(header + 124, 12, "%011zo", contents.size());
        header[156] = '0';
        std::memcpy(header + 257,
                    "ustar\0"
                    "00",
                    8);
        std::memset(header + 148, ' ', 8);
        unsigned sum = 0;
        for (const char c : header) sum += static_cast<unsigned char>(c);
        std::snprintf(header + 148, 8, "%06o", sum);
        archive.insert(archive.end(), header, header + 512);
        archive.insert(archive.end(), contents.begin(), contents.end());
        archive.resize((archive.size() + 511) / 512 * 512);
    }
    archive.resize(archive.size() + 1024);
    return archive;
}

Bytes cifar_tar() {
    std::vector<std::pair<std::string, Bytes>> files;
    for (int b = 1; b <= 6; ++b)
        files.emplace_back("cifar-10-batches-bin/" +
                               (b == 6 ? "test_batch.bin" : "data_batch_" + std::to_string(b) + ".bin"),
                           cifar_records(1, std::uint64_t(b)));
    return tar(files);
}

void put(Bytes& to, std::initializer_list<std::uint32_t> numbers) {
    for (const std::uint32_t number : numbers)
        for (int shift : {0, 8, 16, 24}) to.push_back(std::uint8_t(number >> shift));
}

/// A variable of bytes in MATLAB's version 5 format: flags, extents, name and values, each an element.
Bytes mat_variable(const std::string& name, const std::vector<std::uint32_t>& extents, const Bytes& values) {
    constexpr std::uint32_t int8 = 1, uint8 = 2, int32 = 5, uint32 = 6, matrix = 14, uint8_class = 9;
    Bytes body;
    put(body, {uint32, 8, uint8_class, 0, int32, std::uint32_t(4 * extents.size())});
    for (const std::uint32_t extent : extents) put(body, {extent});
    body.resize((body.size() + 7) / 8 * 8);
    put(body, {int8, std::uint32_t(name.size())});
    body.insert(body.end(), name.begin(), name.end());
    body.resize((body.size() + 7) / 8 * 8);
    put(body, {uint8, std::uint32_t(values.size())});
    body.insert(body.end(), values.begin(), values.end());
    body.resize((body.size() + 7) / 8 * 8);
    Bytes variable;
    put(variable, {matrix, std::uint32_t(body.size())});
    variable.insert(variable.end(), body.begin(), body.end());
    return variable;
}

Bytes mat_file(bool packed) {
    Bytes file(124, ' ');
    std::memcpy(file.data(), "MATLAB 5.0 MAT-file", 19);
    std::fill_n(file.begin() + 116, 8, 0);
    for (const char c : {'\0', '\1', 'I', 'M'}) file.push_back(std::uint8_t(c));
    for (const Bytes& variable :
         {mat_variable("X", {32, 32, 3, 2}, random_bytes(2 * 3072, 1)), mat_variable("y", {2, 1}, {1, 10})}) {
        Bytes element = variable;
        if (packed) {
            uLongf size = compressBound(variable.size());
            Bytes stream(size);
            compress(stream.data(), &size, variable.data(), variable.size());
            element.clear();
            put(element, {15, std::uint32_t(size)});
            element.insert(element.end(), stream.begin(), stream.begin() + size);
        }
        file.insert(file.end(), element.begin(), element.end());
    }
    return file;
}

void put_big_endian(Bytes& to, std::uint32_t number) {
    for (int shift : {24, 16, 8, 0}) to.push_back(std::uint8_t(number >> shift));
}

/// A grey PNG of two rows and three columns: signature, then chunks of length, name, data and CRC-32.
Bytes png_file() {
    Bytes header, rows;
    for (const std::uint32_t extent : {3u, 2u}) put_big_endian(header, extent);
    for (const int each : {8, 0, 0, 0, 0}) header.push_back(std::uint8_t(each));  // depth, grey, …
    for (const int each : {0, 10, 20, 30, 0, 40, 50, 60}) rows.push_back(std::uint8_t(each));
    Bytes packed(compressBound(rows.size()));
    uLongf size = packed.size();
    compress(packed.data(), &size, rows.data(), rows.size());
    packed.resize(size);
    Bytes file = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    for (const auto& [name, data] :
         {std::pair<std::string, Bytes>{"IHDR", header}, {"IDAT", packed}, {"IEND", {}}}) {
        put_big_endian(file, std::uint32_t(data.size()));
        const std::size_t begin = file.size();
        file.insert(file.end(), name.begin(), name.end());
        file.insert(file.end(), data.begin(), data.end());
        put_big_endian(file, std::uint32_t(crc32(0, file.data() + begin, uInt(file.size() - begin))));
    }
    return file;
}

Bytes npy(const std::string& type, const std::string& shape, const Bytes& values) {
    std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
    header.resize(117, ' ');
    header += '\n';
    Bytes array = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, std::uint8_t(header.size()), 0};
    array.insert(array.end(), header.begin(), header.end());
    array.insert(array.end(), values.begin(), values.end());
    return array;
}

/// A zip archive of stored files (APPNOTE 6.3): local headers and files, the directory, and its end.
Bytes zip(const std::vector<std::pair<std::string, Bytes>>& files) {
    Bytes archive, directory;
    for (const auto& [name, contents] : files) {
        const auto size = std::uint32_t(contents.size()), at = std::uint32_t(archive.size());
        const auto checksum = std::uint32_t(crc32(0, contents.data(), uInt(size)));
        const auto length = std::uint32_t(name.size());
        put(archive, {0x04034b50, 20, 0, 0});
        archive.resize(archive.size() - 2);
        put(archive, {checksum, size, size, length});
        archive.insert(archive.end(), name.begin(), name.end());
        archive.insert(archive.end(), contents.begin(), contents.end());
        put(directory, {0x02014b50, 20 << 16 | 20, 0, 0, checksum, size, size, length, 0, 0, 0, at});
        directory.erase(directory.end() - 6, directory.end() - 4);
        directory.insert(directory.end(), name.begin(), name.end());
    }
    const auto at = std::uint32_t(archive.size()), size = std::uint32_t(directory.size());
    archive.insert(archive.end(), directory.begin(), directory.end());
    const auto count = std::uint32_t(files.size());
    put(archive, {0x06054b50, 0, count << 16 | count, size, at, 0});
    archive.resize(archive.size() - 2);
    return archive;
}

Bytes npz_file() {
    return zip({{"x_train.npy", npy("|u1", "3, 4, 5", random_bytes(60, 1))},
                {"y_train.npy",
                 npy("<i8", "3,", {1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})},
                {"x_test.npy", npy("|u1", "2, 4, 5", random_bytes(40, 2))},
                {"y_test.npy", npy("|u1", "2, 1", {0, 7})}});
}

Reading npz(const fs::path& file) {
    const NpzImages read = read_npz(file);
    return (Content() << read.train << read.test).reading(read.sha256);
}

/// A folder of one picture.
Reading picture(const fs::path& file) {
    const PictureFolder read = read_pictures(file.parent_path().parent_path());
    return (Content() << read.images).reading(read.sha256);
}

const std::string configuration =
    "architecture = '1x28x28:20C5v-P2(ecp)-10Softmax'\nbatch = 50\ndata = \"datasets\"\nepochs = 20\n"
    "keep-best = true\nmode = 'per-batch'\nrate = 1e-3\nseed = 999999999999999999\nvalidation = 0.1\n";

}  // namespace

std::vector<Reader> readers(const fs::path& folder) {
    const fs::path scratch = folder / "seed";
    const FileHeader header{"result", "1.0", "0.1.0", "unknown", false, "2026-01-31T23:59:59Z"};
    const std::vector<Experiment> experiments = {{"figure_2", header, sample_results()},
                                                 {"figure_3/maps", header, {}}};
    const Bytes images = idx({3, 4, 5}, random_bytes(60, 1)), cifar_archive = cifar_tar();
    const std::string pnm = "P6 # three by two\n3 2 255\n";
    Bytes ppm(pnm.begin(), pnm.end());
    for (const std::uint8_t byte : random_bytes(18, 3)) ppm.push_back(byte);
    write_collection(scratch, experiments);
    const Bytes collected = read(scratch);
    const auto result = [](const fs::path& file) { return (Content() << read_results(file)).reading(); };
    return {
        {"checkpoint", "checkpoint.h5", {written(scratch, write_checkpoint, small_checkpoint())}, checkpoint},
        {"mask", "mask.h5", {written(scratch, write_masks, sample_masks())}, mask},
        {"result", "result.h5", {written(scratch, write_results, sample_results())}, result},
        {"collection", "collection.h5", {collected}, collection},
        {"idx", "images-idx3-ubyte", {images}, idx_images},
        {"idx.gz", "images-idx3-ubyte.gz", {gzipped(scratch, images)}, idx_images},
        {"cifar",
         "data_batch_2.bin",
         {cifar_records(1, 2)},
         [](const fs::path& file) { return cifar(file.parent_path()); }},
        {"cifar.tar.gz", "cifar-10-binary.tar.gz", {gzipped(scratch, cifar_archive)}, cifar},
        {"cifar.tar", "cifar-10-binary.tar.gz", {cifar_archive}, cifar},
        {"mat", "train_32x32.mat", {mat_file(true)}, svhn},
        {"mat-unpacked", "train_32x32.mat", {mat_file(false)}, svhn},
        {"npz", "own.npz", {npz_file()}, npz},
        {"png", "png/cat/picture.png", {png_file()}, picture},
        {"ppm", "ppm/dog/picture.ppm", {ppm}, picture},
        {"toml", "train.toml", {Bytes(configuration.begin(), configuration.end())}, toml, false},
    };
}

}  // namespace fftconv::test
