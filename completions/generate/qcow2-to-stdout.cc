// SPDX-License-Identifier: GPL-2.0-or-later
//
// completions-qcow2-to-stdout bash|zsh|fish|headings: writes the completion of one shell, or the
// headings of the manual page, to standard output. ./dev completions calls it.

#include "from_table.h"
#include "qcow2-to-stdout/option_table.h"

namespace completions {
namespace {

const Words kFormats = {"raw", "auto", "qcow2",     "vmdk", "vdi",   "vhdx", "vpc",
                        "qed", "qcow", "parallels", "dmg",  "bochs", "cloop"};
const Words kClusterSizes = {"512", "1k",   "2k",   "4k",   "8k", "16k", "32k",
                             "64k", "128k", "256k", "512k", "1M", "2M"};

std::vector<Known> known() {
  return {
      {.option = "input-format", .words = kFormats},
      {.option = "base-format", .words = kFormats},
      {.option = "backing-format", .words = {"qcow2", "raw"}},
      {.option = "object", .from = From::kNothing, .repeats = true},
      {.option = "leave-out", .words = {"free", "swap", "free,swap"}},
      {.option = "scan", .words = {"zeros", "holes", "none"}, .only_these = true},
      {.option = "cluster-size", .words = kClusterSizes},
      {.option = "refcount-bits", .words = {"1", "2", "4", "8", "16", "32", "64"}},
      {.option = "qcow2-version", .words = {"2", "3"}, .only_these = true},
      {.option = "compress", .words = {"zlib", "zstd", "keep"}},
      {.option = "deflate-window", .words = {"4k", "32k"}, .only_these = true},
      {.option = "data-file", .from = From::kFiles},
      {.option = "backing-file", .from = From::kFiles},
      {.option = "dirty-bitmap", .from = From::kNothing},
      {.option = "snapshot", .from = From::kNothing},
      {.option = "measure", .words = {"human", "json", "size", "id", "root"}, .only_these = true},
      {.option = "output-format", .words = {"qcow2", "raw"}, .only_these = true},
      {.option = "digest", .words = digests(), .repeats = true},
      {.option = "name", .from = From::kFiles},
      {.option = "manifest-chunk", .words = {"64k", "256k", "1M", "4M", "16M"}},
      {.option = "progress", .words = {"2", "3"}},
      {.option = "threads", .words = {"0", "1", "2", "4", "8", "16"}},
  };
}

}  // namespace
}  // namespace completions

int main(int argc, char** argv) {
  using namespace completions;
  return write_completions({argv, static_cast<std::size_t>(argc)}, "qcow2-to-stdout",
                           specs_of_all(qcow2stream::cli::option_groups()), known());
}
