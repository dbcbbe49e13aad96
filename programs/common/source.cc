// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/source.h"

#include <fmt/format.h>

#include "qcow2stream/nbd.h"

namespace qcow2stream::cli {

Source source_of(const std::string& word) {
  if (word == "-") return StandardInput{};
  if (is_nbd_uri(word)) return NbdServer{word};
  return File{word};
}

std::string name_of(const Source& source) {
  return std::visit(Cases{[](const StandardInput&) { return std::string("standard input"); },
                          [](const File& file) { return file.path; },
                          [](const NbdServer& server) { return server.uri; },
                          [](const Program& program) {
                            return fmt::format("[ {} ]", fmt::join(program.command, " "));
                          },
                          [](const BlockNode&) { return std::string("--blockdev"); }},
                    source);
}

}  // namespace qcow2stream::cli
