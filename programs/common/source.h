// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where the bytes of a disk come from. It is decided once, when the command line is read; whoever
// needs to know visits it (std::visit).

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace qcow2stream::cli {

struct StandardInput {
  std::optional<std::uint64_t> size;  // bytes that must come
};

// A regular file or a block device.
struct File {
  std::string path;
};

struct NbdServer {
  std::string uri;
};

// A program that serves NBD on a socket that it is given.
struct Program {
  std::vector<std::string> command;
};

// As QEMU's --blockdev describes it, and the objects that it refers to; all of them JSON.
struct BlockNode {
  std::string json;
  std::vector<std::string> objects;
};

using Source = std::variant<StandardInput, File, NbdServer, Program, BlockNode>;

// The functions of a visit, one for each alternative.
template <class... Functions>
struct Cases : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Cases(Functions...) -> Cases<Functions...>;

// What one word of a command line names: "-" standard input, an NBD URI, or a file. A file that is
// called "-" is "./-".
Source source_of(const std::string& word);

// What messages call it.
std::string name_of(const Source& source);

}  // namespace qcow2stream::cli
