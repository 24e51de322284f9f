#pragma once

namespace fftconv {

/// A size that has a straight-line transform of our own (dft-inl.hpp): N = N1·N2 with both at most 9.
struct TileSize {
    int tile;
    double cycles;  ///< of one forward or inverse tile × tile transform of eight lanes, in the cost model
};

/// Cycles of one core of Zen 4, the mean of AVX2 and AVX-512 (eight of its lanes) in units of 16 × 16, from
/// `fftconv-bench --transforms`, which prints them next to those of a machine.
inline constexpr TileSize tile_sizes[] = {
    {1, 30},     {2, 150},    {3, 210},    {4, 230},    {5, 360},    {6, 420},    {7, 600},
    {8, 610},    {9, 920},    {10, 1100},  {12, 1500},  {14, 2800},  {15, 2500},  {16, 2300},
    {18, 4000},  {20, 5100},  {21, 6300},  {24, 6900},  {25, 7800},  {28, 10000}, {30, 11000},
    {32, 12000}, {35, 17000}, {36, 14000}, {40, 19000}, {42, 26000}, {45, 30000}, {48, 31000},
    {49, 36000}, {54, 40000}, {56, 46000}, {63, 64000}, {64, 57000}, {72, 76000}, {81, 120000}};

/// Products of them that layers with large images or kernels choose from.
inline constexpr int composite_tiles[] = {96,   108,  120,  128,   144,   160,   180,   192,   216,   240,
                                          256,  288,  320,  360,   384,   432,   480,   512,   576,   640,
                                          720,  768,  864,  960,   1024,  1152,  1280,  1440,  1536,  1728,
                                          1920, 2048, 2304, 2560,  2880,  3072,  3456,  4096,  4608,  5184,
                                          6144, 8192, 9216, 12288, 16384, 20736, 24576, 32768, 49152, 65536};

}  // namespace fftconv
