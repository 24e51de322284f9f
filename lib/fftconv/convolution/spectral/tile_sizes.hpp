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
    {1, 24},     {2, 110},    {3, 170},    {4, 200},    {5, 290},    {6, 320},    {7, 520},
    {8, 470},    {9, 690},    {10, 860},   {12, 1100},  {14, 2300},  {15, 2100},  {16, 1800},
    {18, 3100},  {20, 3800},  {21, 5000},  {24, 5300},  {25, 6200},  {28, 8900},  {30, 8600},
    {32, 9700},  {35, 14000}, {36, 12000}, {40, 15000}, {42, 20000}, {45, 24000}, {48, 22000},
    {49, 32000}, {54, 32000}, {56, 36000}, {63, 53000}, {64, 48000}, {72, 64000}, {81, 91000}};

/// Products of them that layers with large images or kernels choose from.
inline constexpr int composite_tiles[] = {96,   108,  120,  128,   144,   160,   180,   192,   216,   240,
                                          256,  288,  320,  360,   384,   432,   480,   512,   576,   640,
                                          720,  768,  864,  960,   1024,  1152,  1280,  1440,  1536,  1728,
                                          1920, 2048, 2304, 2560,  2880,  3072,  3456,  4096,  4608,  5184,
                                          6144, 8192, 9216, 12288, 16384, 20736, 24576, 32768, 49152, 65536};

}  // namespace fftconv
