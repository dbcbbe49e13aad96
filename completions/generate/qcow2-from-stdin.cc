// SPDX-License-Identifier: GPL-2.0-or-later
//
// completions-qcow2-from-stdin bash|zsh|fish|headings: as completions-qcow2-to-stdout, of the other
// program.

#include "from_table.h"
#include "qcow2-from-stdin/option_table.h"

namespace completions {
namespace {

std::vector<Known> known() {
  return {
      {.option = "input", .from = From::kFiles, .repeats = true},
      {.option = "snapshot", .from = From::kNothing},
      {.option = "expect-root", .from = From::kNothing},
      {.option = "expect-digest", .words = digests(), .repeats = true},
      {.option = "progress", .words = {"2", "3"}},
      {.option = "threads", .words = {"0", "1", "2", "4", "8", "16"}},
  };
}

}  // namespace
}  // namespace completions

int main(int argc, char** argv) {
  using namespace completions;
  return write_completions({argv, static_cast<std::size_t>(argc)}, "qcow2-from-stdin",
                           specs_of_all(qcow2stream::cli::option_groups()), known());
}
