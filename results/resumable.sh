# Sourced by the run.sh of an experiment whose long runs are made again and again until they are whole:
#     source .../resumable.sh BIN FOLDER
# BIN: the folder of the apps; FOLDER: where networks and results go, made if need be, and entered; FFTCONV_DATA: the
# folder of the data sets. THREADS: of each app, one unless given.
bin=$(realpath "$1")
mkdir -p "$2"
export FFTCONV_DATA=$(realpath "${FFTCONV_DATA:-datasets}")
cd "$2"

resume() { [[ ! -f $1 ]] || echo --resume; }

# train NAME OPTIONS…: NAME.h5, made under another name until it is whole, since a result that is there is taken for one.
train() {
    [[ -f $1.h5 ]] && return
    "$bin/fftconv-train" "${@:2}" --threads "${THREADS:-1}" $(resume "$1.training.h5") --out "$1.training.h5" >>"$1.txt"
    mv "$1.training.h5" "$1.h5"
}

# grow APP NAME OPTIONS…: NAME.h5, which the app goes on with point by point; NAME.done says that it is whole.
grow() {
    [[ -f $2.done ]] && return
    "$bin/$1" "${@:3}" --threads "${THREADS:-1}" $(resume "$2.h5") --out "$2.h5" >>"$2.txt"
    touch "$2.done"
}
