#!/usr/bin/env bash
# Gets data sets from their publishers and checks their digests; see --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: datasets/fetch.sh [--to FOLDER] NAME...

Gets data sets from their publishers and checks the digest of each file (SHA-256; of k49, MD5).

  NAME   mnist           13 MB   handwritten digits
         fashion-mnist   31 MB   articles of clothing
         kmnist          21 MB   cursive Japanese characters (Kuzushiji-MNIST), ten classes
         k49             83 MB   Kuzushiji-49: cursive Japanese characters, 49 classes; becomes k49/k49.npz; needs python3
         emnist         562 MB   handwritten letters and digits in six splits, up to 62 classes; needs unzip, bsdtar or python3
         cifar-10       170 MB   colour photographs of ten classes
         svhn           247 MB   house numbers (train and test)
         svhn-extra     1.3 GB   its 531,131 easier digits, used for training when they are there
         all            everything but svhn-extra, emnist and k49

  --to FOLDER   where a folder of each name is made (svhn-extra goes into svhn)
                (default: the variable FFTCONV_DATA, or the folder of this script)

A file that is there and right stays; a download that was interrupted resumes where it stopped.
FFTCONV_SOURCES=LIST reads what to get from a file of lines "NAME URL FILE DIGEST" (for mirrors, and the tests).
Needs curl or wget.
Exit status: 0 all there; 1 a download or a check failed; 2 wrong usage.
TEXT
}

fail() { echo "fetch.sh: $1" >&2; exit "${2:-1}"; }

mnist=https://ossci-datasets.s3.amazonaws.com/mnist
fashion=https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion
kmnist=http://codh.rois.ac.jp/kmnist/dataset/kmnist
k49=http://codh.rois.ac.jp/kmnist/dataset/k49
emnist=https://biometrics.nist.gov/cs_links/EMNIST
cifar=https://www.cs.toronto.edu/~kriz
svhn=http://ufldl.stanford.edu/housenumbers

# Data set, URL of its folder, file, SHA-256 of the file (or its MD5, where nothing better is published)
sources() {
    cat <<TEXT
mnist $mnist train-images-idx3-ubyte.gz 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609
mnist $mnist train-labels-idx1-ubyte.gz 3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c
mnist $mnist t10k-images-idx3-ubyte.gz 8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6
mnist $mnist t10k-labels-idx1-ubyte.gz f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6
fashion-mnist $fashion train-images-idx3-ubyte.gz 3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84
fashion-mnist $fashion train-labels-idx1-ubyte.gz a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845
fashion-mnist $fashion t10k-images-idx3-ubyte.gz 346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073
fashion-mnist $fashion t10k-labels-idx1-ubyte.gz 67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5
kmnist $kmnist train-images-idx3-ubyte.gz 51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4
kmnist $kmnist train-labels-idx1-ubyte.gz e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17
kmnist $kmnist t10k-images-idx3-ubyte.gz edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5
kmnist $kmnist t10k-labels-idx1-ubyte.gz 20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c
k49 $k49 k49-train-imgs.npz 7ac088b20481cf51dcd01ceaab89d821
k49 $k49 k49-train-labels.npz 44a8e1b893f81e63ff38d73cad420f7a
k49 $k49 k49-test-imgs.npz d352e201d846ce6b94f42c990966f374
k49 $k49 k49-test-labels.npz 4da6f7a62e67a832d5eb1bd85c5ee448
emnist $emnist gzip.zip fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e
cifar-10 $cifar cifar-10-binary.tar.gz c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd
svhn $svhn train_32x32.mat 435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8
svhn $svhn test_32x32.mat cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b
svhn-extra $svhn extra_32x32.mat a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3
TEXT
}

# The lines of sources that belong to a name of the command line
sources_of() {
    local name url file digest
    while read -r name url file digest; do
        if [[ $name == "$1" || ($1 == all && $name != svhn-extra && $name != emnist && $name != k49) ]]; then
            echo "$name $url $file $digest"
        fi
    done < <(if [[ -n ${FFTCONV_SOURCES:-} ]]; then cat "$FFTCONV_SOURCES"; else sources; fi)
}

kind_of() { ((${#1} == 32)) && echo MD5 || echo SHA-256; }  # of a digest
sum_of() { if [[ $(kind_of "$1") == MD5 ]]; then md5sum; else sha256sum; fi; }
is_right() { [[ $(sum_of "$2" <"$1") == "$2  -" ]]; }

# Resumes FILE.part where it stopped.
download() {
    if command -v curl >/dev/null; then
        curl --fail --location --retry 3 --continue-at - --output "$2.part" "$1"
    elif command -v wget >/dev/null; then
        wget --continue --tries=3 --output-document="$2.part" "$1"
    else
        fail "needs curl or wget; neither is installed"
    fi
}

# Gets URL into FILE, whose digest must be the one given.
fetch() {
    local url=$1 file=$2 digest=$3
    if [[ -f $file ]]; then
        is_right "$file" "$digest" || fail "$file is there, but its $(kind_of "$digest") is not $digest: remove it to get it again"
        echo "$file: already there"
        return
    fi
    mkdir -p "${file%/*}" || fail "cannot make the folder ${file%/*}"
    # A part that is whole already has nothing to be continued: some servers call that an error.
    if [[ ! -f $file.part ]] || ! is_right "$file.part" "$digest"; then
        download "$url" "$file" || fail "cannot get $url; what came is kept in $file.part, so the same command resumes it"
    fi
    if ! is_right "$file.part" "$digest"; then
        local found
        found=$(sum_of "$digest" <"$file.part")
        rm "$file.part"
        fail "$url: expected $(kind_of "$digest") $digest, found ${found%% *}; the download is removed"
    fi
    mv "$file.part" "$file"
    echo "$file: fetched"
}

# Unpacks FILE of a zip archive to the standard output, with what there is.
unzipped() {
    if command -v unzip >/dev/null; then
        unzip -p "$1" "$2"
    elif command -v bsdtar >/dev/null; then
        bsdtar -xOf "$1" "$2"
    elif command -v python3 >/dev/null; then
        python3 -c 'import shutil, sys, zipfile; shutil.copyfileobj(zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]), sys.stdout.buffer)' "$1" "$2"
    else
        fail "needs unzip, bsdtar or python3 to unpack $1; none is installed"
    fi
}

# EMNIST is one archive of six splits: each becomes a folder with MNIST's file names.
unpack_emnist() {
    local folder=$1 split part kind from name
    for split in balanced byclass bymerge digits letters mnist; do
        mkdir -p "$folder/$split"
        for part in train:train test:t10k; do
            for kind in images-idx3 labels-idx1; do
                from=gzip/emnist-$split-${part%:*}-$kind-ubyte.gz name=$folder/$split/${part#*:}-$kind-ubyte.gz
                [[ -f $name ]] && continue
                unzipped "$folder/gzip.zip" "$from" >"$name.part" || fail "$folder/gzip.zip: cannot unpack $from"
                mv "$name.part" "$name"
            done
        done
    done
    echo "$folder: unpacked"
}

# Kuzushiji-49 is an .npz for each array: one with the names that --dataset npz reads.
unpack_k49() {
    [[ -f $1/k49.npz ]] && return
    command -v python3 >/dev/null || fail "needs python3 to join the files of $1; it is not installed"
    python3 - "$1" <<'PYTHON' || fail "$1: cannot join its files"
import os, shutil, sys, zipfile
folder = sys.argv[1]
with zipfile.ZipFile(folder + "/k49.npz.part", "w", zipfile.ZIP_DEFLATED) as joined:
    for name, file in (("x_train", "train-imgs"), ("y_train", "train-labels"), ("x_test", "test-imgs"), ("y_test", "test-labels")):
        with zipfile.ZipFile(f"{folder}/k49-{file}.npz") as one, one.open("arr_0.npy") as source:
            with joined.open(name + ".npy", "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target)
os.replace(folder + "/k49.npz.part", folder + "/k49.npz")
PYTHON
    echo "$1/k49.npz: joined; read it by --dataset npz --data $1/k49.npz"
}

to=${FFTCONV_DATA:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)}
names=()
while (($#)); do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --to) (($# > 1)) || fail "--to needs a folder" 2; to=$2; shift ;;
        -*) fail "unknown option $1; see --help" 2 ;;
        *) [[ -n $(sources_of "$1") ]] || fail "unknown data set $1; see --help" 2; names+=("$1") ;;
    esac
    shift
done
((${#names[@]})) || { usage >&2; exit 2; }

for name in "${names[@]}"; do
    while read -r dataset url file digest; do
        fetch "$url/$file" "$to/${dataset%-extra}/$file" "$digest" </dev/null
    done < <(sources_of "$name")
    case $name in
        emnist) unpack_emnist "$to/emnist" ;;
        k49) unpack_k49 "$to/k49" ;;
    esac
done
