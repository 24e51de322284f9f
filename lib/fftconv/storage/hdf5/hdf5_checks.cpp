#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "fftconv/storage/hdf5/hdf5_values-inl.hpp"

// What a file must be before its values are taken for true.
namespace fftconv::hdf5 {

namespace {

using Extents = std::vector<hsize_t>;

/// A chunk's index is looked through for each of its chunks; ours hold about 1 MiB each.
constexpr hsize_t most_chunks = 16384;
/// Deflate packs 1032 bytes into one at best (zlib.net/zlib_tech.html).
constexpr hsize_t best_packing = 1032;

/// Where a dataset is, for messages.
struct Place {
    hid_t dataset;
    const Context& context;
    const std::string& path;

    [[noreturn]] void fail(const std::string& expected, const std::string& found) const {
        throw FileError(context.file, path, expected, found);
    }
};

struct Chunk {
    Extents offset;
    unsigned skipped_filters = 0;
    haddr_t address = HADDR_UNDEF;
    hsize_t size = 0;
};

std::string text(const Extents& offset) {
    std::string words = "(";
    for (std::size_t i = 0; i < offset.size(); ++i) words += (i ? ", " : "") + std::to_string(offset[i]);
    return words + ")";
}

/// What the filters of a dataset do to its chunks.
struct Filters {
    bool deflated = false, checksummed = false;

    /// A chunk of this many bytes can hold `unpacked` ones. HDF5 reads the four of a checksum without
    /// looking.
    bool can_hold(hsize_t stored, hsize_t unpacked) const {
        const hsize_t checksum = checksummed ? 4 : 0;
        if (stored <= checksum) return false;
        return unpacked <= (deflated ? best_packing * (stored - checksum) + 1024 : stored - checksum);
    }
};

/// @throws FileError on a filter that we do not use.
Filters filters_of(const Place& place, hid_t properties) {
    Filters filters;
    for (int i = 0; i < std::max(H5Pget_nfilters(properties), 0); ++i) {
        unsigned flags = 0, config = 0;
        std::size_t parameters = 0;
        char name[64] = "";
        const H5Z_filter_t filter =
            H5Pget_filter2(properties, unsigned(i), &flags, &parameters, nullptr, sizeof name, name, &config);
        filters.deflated = filters.deflated || filter == H5Z_FILTER_DEFLATE;
        filters.checksummed = filters.checksummed || filter == H5Z_FILTER_FLETCHER32;
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
            place.fail("shuffle, deflate and Fletcher-32 as its only filters",
                       "filter " + std::to_string(filter) + " " + name);
    }
    return filters;
}

Chunk chunk_at(const Place& place, hid_t space, hsize_t index, std::size_t rank) {
    Chunk chunk{.offset = Extents(rank)};
    require(H5Dget_chunk_info(place.dataset, space, index, chunk.offset.data(), &chunk.skipped_filters,
                              &chunk.address, &chunk.size),
            place.context.file, place.path, "a readable index of its chunks");
    return chunk;
}

/// @throws FileError unless the chunk lies in the file, was packed by all filters, is found where a reader
/// looks for it, and can unpack to `unpacked` bytes.
void check_chunk(const Place& place, const Chunk& chunk, hsize_t unpacked, const Filters& filters) {
    const std::string which = "chunk " + text(chunk.offset) + " ";
    if (chunk.skipped_filters != 0) place.fail(which + "packed by all filters", "filters that were skipped");
    if (chunk.address == HADDR_UNDEF || chunk.size > place.context.size ||
        chunk.address > place.context.size - chunk.size)
        place.fail(which + "within the file",
                   std::to_string(chunk.size) + " bytes at " + std::to_string(chunk.address));
    hsize_t found = 0;
    if (H5Dget_chunk_storage_size(place.dataset, chunk.offset.data(), &found) < 0 || found != chunk.size)
        place.fail(which + "of " + std::to_string(chunk.size) + " bytes", std::to_string(found));
    if (!filters.can_hold(chunk.size, unpacked))
        place.fail(which + "that holds " + std::to_string(unpacked) + " bytes",
                   std::to_string(chunk.size) + " bytes in the file");
}

/// @throws FileError unless the chunks are those that cover the extents, each once and none upon another.
void check_chunks(const Place& place, hid_t properties, hid_t space, hsize_t bytes_per_value) {
    const std::size_t rank = std::size_t(std::max(H5Sget_simple_extent_ndims(space), 0));
    Extents extents(rank), chunk(rank);
    H5Sget_simple_extent_dims(space, extents.data(), nullptr);
    require(H5Pget_chunk(properties, int(rank), chunk.data()), place.context.file, place.path,
            "extents of its chunks");
    hsize_t expected = 1;
    for (std::size_t i = 0; i < rank; ++i) expected *= (extents[i] + chunk[i] - 1) / chunk[i];
    hsize_t found = 0;
    require(H5Dget_num_chunks(place.dataset, space, &found), place.context.file, place.path,
            "a readable index of its chunks");
    if (found != expected || expected > most_chunks)
        place.fail(std::to_string(std::min(expected, most_chunks)) + " chunks, which hold all of its values",
                   std::to_string(found));
    const Filters filters = filters_of(place, properties);
    const hsize_t unpacked =
        std::accumulate(chunk.begin(), chunk.end(), bytes_per_value, std::multiplies<>());
    std::set<Extents> offsets;
    std::vector<std::pair<haddr_t, hsize_t>> pieces;
    for (hsize_t index = 0; index < found; ++index) {
        const Chunk next = chunk_at(place, space, index, rank);
        for (std::size_t i = 0; i < rank; ++i)
            if (next.offset[i] % chunk[i] != 0 || next.offset[i] >= extents[i])
                place.fail("chunks within its extents", "one at " + text(next.offset));
        check_chunk(place, next, unpacked, filters);
        if (!offsets.insert(next.offset).second) place.fail("each chunk once", text(next.offset) + " twice");
        pieces.emplace_back(next.address, next.size);
    }
    std::ranges::sort(pieces);
    for (std::size_t i = 1; i < pieces.size(); ++i)
        if (pieces[i - 1].first + pieces[i - 1].second > pieces[i].first)
            place.fail("chunks apart from each other", "two that overlap");
}

/// @throws FileError unless the values lie in one piece in this file.
void check_piece(const Place& place, hid_t properties, hsize_t bytes) {
    if (H5Pget_external_count(properties) != 0) place.fail("values in this file", "values in other files");
    const hsize_t stored = H5Dget_storage_size(place.dataset);
    const haddr_t address = H5Dget_offset(place.dataset);
    if (stored < bytes || address == HADDR_UNDEF || bytes > place.context.size ||
        address > place.context.size - bytes)
        place.fail(
            std::to_string(bytes) + " bytes within the file",
            address == HADDR_UNDEF ? "none" : std::to_string(stored) + " at " + std::to_string(address));
}

}  // namespace

bool has_hard_link(hid_t group, const std::string& name, const Context& context, const std::string& path) {
    if (require(H5Lexists(group, name.c_str(), H5P_DEFAULT), context.file, path, "a readable link") == 0)
        return false;
    H5L_info_t info{};
    require(H5Lget_info(group, name.c_str(), &info, H5P_DEFAULT), context.file, path, "a readable link");
    if (info.type != H5L_TYPE_HARD)
        throw FileError(context.file, path, "data of this file under its only name",
                        info.type == H5L_TYPE_SOFT       ? "a soft link"
                        : info.type == H5L_TYPE_EXTERNAL ? "a link to another file"
                                                         : "a link of an unknown kind");
    return true;
}

void check_place(hid_t object, Context& context, const std::string& path) {
    if (std::ranges::count(path, '/') > most_levels)
        throw FileError(context.file, path.substr(0, 100), "at most 32 groups within each other", "more");
    H5O_info_t info{};
    require(H5Oget_info2(object, &info, H5O_INFO_BASIC), context.file, path, "a readable object");
    const auto [known, is_new] = context.places.emplace(info.addr, path);
    if (!is_new && known->second != path)
        throw FileError(context.file, path, "an object of one name", "another name of " + known->second);
}

void check_stored(hid_t dataset, const Context& context, const std::string& path, std::size_t count) {
    if (count == 0) return;
    const Place place{dataset, context, path};
    const Handle properties(require(H5Dget_create_plist(dataset), context.file, path, "a readable dataset"),
                            H5Pclose);
    const Handle type(H5Dget_type(dataset), H5Tclose), space(H5Dget_space(dataset), H5Sclose);
    const hsize_t bytes_per_value = H5Tget_size(type.id());
    switch (H5Pget_layout(properties.id())) {
        case H5D_COMPACT:
            return;
        case H5D_CONTIGUOUS:
            return check_piece(place, properties.id(), count * bytes_per_value);
        case H5D_CHUNKED:
            return check_chunks(place, properties.id(), space.id(), bytes_per_value);
        default:
            place.fail("values in this file", "a virtual dataset");
    }
}

}  // namespace fftconv::hdf5
