// SPDX-License-Identifier: GPL-2.0-or-later
//
// qemu-img's options and what it takes behind -o, nbdcopy's, and those of the usual tools.

#include "qcow2-to-stdout/foreign_options.h"

#include <array>

namespace qcow2stream::cli {
namespace {

constexpr auto kForeignNames = std::to_array<ForeignName>({
    {"output=json", "--measure=json"},
    {"output=human", "--measure"},
    {"output", "--measure=json, or > FILE for the image"},
    {"image-opts", "--blockdev"},
    {"backing", "--backing-file"},
    {"backing-fmt", "--backing-format"},
    {"compat", "--qcow2-version"},
    {"compression-type", "--compress=zlib or --compress=zstd"},
    {"compression", "--compress"},
    {"preallocation", "--scan none"},
    {"format", "--input-format"},
    {"source-format", "--input-format"},
    {"sparse", "--scan"},
    {"coroutines", "--threads"},
    {"workers", "--threads"},
    {"skip", "--offset"},
    {"resume", "--if-match and --offset"},
    {"continue", "--if-match and --offset"},
    {"bytes", "--length"},
    {"checksum", "--digest"},
    {"hash", "--digest"},
    {"json", "--measure=json"},
    {"info", "--measure"},
    {"human", "--measure=human"},
    {"force", "--force-share"},
    {"silent", "--quiet"},
    {"bitmap", "--dirty-bitmap"},
    {"tmpdir", "--spool-dir"},
    {"fsync", "--flush"},
    {"sync", "--flush"},
});

constexpr auto kForeignLetters = std::to_array<ForeignLetter>({
    {'o', "use -c, -r and -v for what qemu-img takes as -o"},
    {'W', "writes are in order; --threads sets how many read"},
    {'m', "use --threads"},
    {'S', "use --scan"},
});

}  // namespace

ForeignOptions foreign_options() {
  return {.names = kForeignNames, .letters = kForeignLetters};
}

}  // namespace qcow2stream::cli
