# fftconv inside a user's project: shared, without FFTW, the convolution alone; unoptimised, which builds quickly. The
# project's own settings stay as they were.
build_project(${here}/subproject -DFFTCONV_ROOT=${ROOT} -DCMAKE_CXX_FLAGS=-O0)
run_there(./program)
run_there(./no_transform)

file(GLOB_RECURSE libraries ${work}/*/libfftconv*)
expect("${libraries}" NOT MATCHES "network|dataset|digest|storage")
file(GLOB_RECURSE library ${work}/*/libfftconv_convolution.so.${VERSION})
string(REGEX MATCH "^[0-9]+\\.[0-9]+" major_minor ${VERSION})
output_of(dynamic objdump -p ${library})
string(REPLACE "." "\\." soname "libfftconv_convolution.so.${major_minor}\n")
expect("${dynamic}" MATCHES "SONAME +${soname}")
output_of(needed ldd ${library})
expect("${needed}" NOT MATCHES "fftw|hdf5|archive|crypto|libz|matio|mpi")

# Exported are names of the public headers, and nothing of the inside.
output_of(symbols nm -D -C --defined-only ${library})
expect("${symbols}" MATCHES "fftconv::SpectralConvolution::forward")
expect("${symbols}" MATCHES "typeinfo for fftconv::ShapeError")
string(REGEX REPLACE "[^\n]* (fftconv::|typeinfo (name )?for fftconv::|vtable for fftconv::)[^\n]*\n" "" others "${symbols}")
if(others)
  message(FATAL_ERROR "exported, and not of fftconv:\n${others}")
endif()
expect("${symbols}" NOT MATCHES "SpectralLayer|TileTransform|FftPlan|SpatialConvolution|frequency_sum|spatial_sum|TileCost|ticks|processor")
