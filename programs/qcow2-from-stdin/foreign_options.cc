// SPDX-License-Identifier: GPL-2.0-or-later
//
// What qemu-img and nbdcopy call our options, and the usual tools.

#include "qcow2-from-stdin/foreign_options.h"

#include <array>

namespace qcow2stream::cli {
namespace {

constexpr auto kForeignNames = std::to_array<ForeignName>({
    {"output", "TARGET is the operand"},
    {"target", "TARGET is the operand"},
    {"force", "--overwrite"},
    {"clobber", "--overwrite"},
    {"backing-chain", "--chain"},
    {"destination-is-zero", "--target-is-zero"},
    {"sparse", "it is sparse but for --no-sparse"},
    {"resume", "--skip-equal"},
    {"continue", "--skip-equal"},
    {"incremental", "--apply"},
    {"diff", "--compare"},
    {"dry-run", "--check"},
    {"test", "--check"},
    {"digest", "--expect-digest"},
    {"checksum", "--expect-digest"},
    {"coroutines", "--threads"},
    {"workers", "--threads"},
    {"tmpdir", "--spool-dir"},
    {"fsync", "--flush"},
    {"sync", "--flush"},
    {"silent", "--quiet"},
    {"input-format", "the image is always qcow2"},
});

constexpr auto kForeignLetters = std::to_array<ForeignLetter>({
    {'f', "the image is always qcow2"},
    {'O', "what is written is always raw"},
    {'o', "TARGET is the operand"},
    {'n', "--apply and --skip-equal change a TARGET that exists, --overwrite replaces a file"},
    {'W', "writes are in any order where TARGET takes that"},
    {'m', "use --threads"},
    {'S', "use --no-sparse"},
});

}  // namespace

ForeignOptions foreign_options() {
  return {.names = kForeignNames, .letters = kForeignLetters};
}

}  // namespace qcow2stream::cli
