// SPDX-License-Identifier: GPL-2.0-or-later

#include <string>

#include "common/message.h"
#include "common/option_table.h"
#include "qcow2-from-stdin/option_table.h"

namespace qcow2stream::cli {

const char* const kProgramName = "qcow2-from-stdin";

std::string help_text() {
  std::string out =
      "Usage: qcow2-from-stdin [OPTION]... TARGET < IMAGE\n"
      "TARGET: a new file, a block device, an NBD URI, or - (raw, to stdout).\n"
      "\n"
      "  ssh host cat disk.qcow2 | qcow2-from-stdin /dev/vg/disk\n"
      "  qcow2-from-stdin -i monday.qcow2 -i tuesday.qcow2 disk.raw\n";
  for (const OptionGroup<CommandLine>& group : option_groups()) {
    out += group_text(group.title, specs_of(group.options));
  }
  out +=
      "\n"
      "N may end in k, M, G, T, P or E (or KiB, ...), powers of 1024. A value in [=...]\n"
      "is attached. Exit status: 0 complete, 1 failed, 2 command line, 3 the image is\n"
      "damaged or TARGET differs, 4 not the right image, 5 complete but for what\n"
      "--salvage has lost. More: man qcow2-from-stdin\n";
  return out;
}

}  // namespace qcow2stream::cli
