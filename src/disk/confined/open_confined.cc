// SPDX-License-Identifier: GPL-2.0-or-later

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/errors.h"
#include "disk/confined/confined_disk.h"
#include "disk/confined/confined_process.h"
#include "disk/confined/confined_reader.h"
#include "disk/confined/opened.h"
#include "disk/confined/program_file.h"
#include "qcow2stream/confined.h"
#include "qcow2stream/error.h"
#include "qcow2stream/file.h"
#include "system/cores.h"

namespace qcow2stream {
namespace {

using confined::Ask;
using confined::ConfinedDisk;
using confined::ConfinedProcess;
using confined::ConfinedReader;

// One for each core, and some for those who wait for a disk.
constexpr unsigned kFewestChannels = 4;

void check_options(const std::string& path, const Qcow2Options& options) {
  if ((options.top && options.top->images != 1) || options.lost != nullptr) {
    throw Error(ErrorKind::kUsage, path, "",
                "of an image that is isolated neither those below it are read nor what is lost");
  }
}

// The image once more, open for reading only and as a file of its own: with ours, the program could
// move its position or let our locks go. Who may not open it once more has only ours.
UniqueFd open_for_program(const Disk& file) {
  const int ours = file.run_at({GuestOffset(0), 1}).where->descriptor;
  const std::string name = "/proc/self/fd/" + std::to_string(ours);
  UniqueFd theirs(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!theirs) theirs = UniqueFd(::fcntl(ours, F_DUPFD_CLOEXEC, 0));
  if (!theirs) throw system_error(file.name(), "cannot be opened", errno);
  return theirs;
}

confined::ToldOpened open_there(const ConfinedReader& reader, const std::string& path,
                                const Qcow2Options& options) {
  ConfinedReader::Loan channel(reader);
  const auto size = confined::write_to_open({.name = path, .options = options}, channel.slot());
  if (!size)
    throw Error(ErrorKind::kUsage, path, "", "the name of a snapshot or bitmap is too long");
  auto opened = confined::read_opened(channel.ask_and_copy(Ask::kOpen, 0, *size));
  const bool is_for_changes = options.top || options.bitmap;
  if (!opened || opened->has_changes != is_for_changes) reader.refuse_answer();
  return std::move(*opened);
}

}  // namespace

OpenedQcow2 open_qcow2_confined(const std::string& path, const Qcow2Options& options,
                                const ConfinedOptions& confined) {
  check_options(path, options);
  auto file = open_disk(path, {.force_share = options.force_share});
  const UniqueFd theirs = open_for_program(*file);
  auto reader = std::make_unique<ConfinedReader>(ConfinedProcess::Setup{
      .program = confined::program_file(confined.program, path),
      .name = path,
      .file = theirs.get(),
      .file_bytes = file->size(),
      .channels = std::clamp(cores() + 2, kFewestChannels, confined::kMostChannels),
      .timeout = confined.timeout});
  auto opened = open_there(*reader, path, options);
  Qcow2Remainder remainder = opened.remainder;
  const bool has_changes = opened.has_changes;
  auto disk =
      std::make_shared<const ConfinedDisk>(std::move(file), std::move(reader), std::move(opened));
  auto changes = has_changes ? confined::confined_changes(disk) : nullptr;
  return {{.disk = std::move(disk), .changes = std::move(changes)}, std::move(remainder)};
}

}  // namespace qcow2stream
