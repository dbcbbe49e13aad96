// SPDX-License-Identifier: GPL-2.0-or-later

#include <string>

#include "common/message.h"
#include "common/option_table.h"
#include "qcow2-to-stdout/option_table.h"

namespace qcow2stream::cli {

const char* const kProgramName = "qcow2-to-stdout";

std::string help_text() {
  std::string out =
      "Usage: qcow2-to-stdout [OPTION]... DISK > IMAGE\n"
      "DISK: a raw file or block device, an NBD URI, [ CMD ARGS... ], - (stdin), or\n"
      "with -f an image of another format.\n"
      "\n"
      "  qcow2-to-stdout disk.raw > disk.qcow2\n"
      "  qcow2-to-stdout -f vmdk --compress disk.vmdk | ssh host 'cat > disk.qcow2'\n";
  for (const OptionGroup<CommandLine>& group : option_groups()) {
    out += group_text(group.title, specs_of(group.options));
  }
  out +=
      "\n"
      "N may end in k, M, G, T, P or E (or KiB, ...), powers of 1024. A value in [=...]\n"
      "is attached. Exit status: 0 complete, 1 failed, 2 command line, 3 DISK changed,\n"
      "4 not the --if-match image, 5 complete but for what --salvage has lost. More\n"
      "examples and all the rest: man qcow2-to-stdout\n";
  return out;
}

}  // namespace qcow2stream::cli
