# All installed headers, each twice, in a project that asks for every warning, with GCC and Clang. (That each compiles alone
# the target headers_alone has seen.)
file(GLOB_RECURSE headers RELATIVE ${prefix}/include ${prefix}/include/*.hpp)
list(TRANSFORM headers REPLACE "(.+)" "#include <\\1>\n#include <\\1>\n")
string(CONCAT all ${headers})
file(WRITE ${work}/all.cpp "${all}")
set(warnings -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
  -Woverloaded-virtual -Wcast-align -Wunused -Wnull-dereference -Wdouble-promotion -Wformat=2 -Werror)
find_program(clang NAMES clang++ REQUIRED)
foreach(compiler ${COMPILER} ${clang})
  run(${compiler} -std=c++20 ${warnings} -fsyntax-only -I${prefix}/include ${work}/all.cpp)
endforeach()
