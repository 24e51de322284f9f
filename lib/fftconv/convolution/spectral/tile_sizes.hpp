#pragma once

namespace fftconv {

/// A size that has a straight-line transform of our own (dft-inl.hpp): N = N1·N2 with both at most 9.
struct TileSize {
    int tile;
    double cycles;  ///< of one forward or inverse tile × tile transform of eight lanes, in the cost model
};

/// Rough cycles of one core of Zen 3 (AVX2); `fftconv-bench --transforms` prints them next to those of a
/// machine.
inline constexpr TileSize tile_sizes[] = {
    {1, 30},     {2, 140},    {3, 200},    {4, 240},    {5, 340},    {6, 410},     {7, 780},
    {8, 650},    {9, 1050},   {10, 1250},  {12, 1500},  {14, 3700},  {15, 3000},   {16, 2750},
    {18, 4600},  {20, 5900},  {21, 8600},  {24, 8500},  {25, 10000}, {28, 15000},  {30, 15000},
    {32, 17400}, {35, 29000}, {36, 21500}, {40, 31000}, {42, 38000}, {45, 43000},  {48, 47000},
    {49, 60000}, {54, 66000}, {56, 72000}, {63, 95000}, {64, 90000}, {72, 120000}, {81, 165000}};

/// Products of them that layers with large images or kernels choose from.
inline constexpr int composite_tiles[] = {96,   108,  120,  128,   144,   160,   180,   192,   216,   240,
                                          256,  288,  320,  360,   384,   432,   480,   512,   576,   640,
                                          720,  768,  864,  960,   1024,  1152,  1280,  1440,  1536,  1728,
                                          1920, 2048, 2304, 2560,  2880,  3072,  3456,  4096,  4608,  5184,
                                          6144, 8192, 9216, 12288, 16384, 20736, 24576, 32768, 49152, 65536};

}  // namespace fftconv
