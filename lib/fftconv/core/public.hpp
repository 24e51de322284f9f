#pragma once
/// Marks what is for users: a header that opens its namespace with FFTCONV_PUBLIC is installed, and shared
/// libraries export its names. Everything else is the library's inside.
#define FFTCONV_PUBLIC [[gnu::visibility("default")]]
