// SPDX-License-Identifier: GPL-2.0-or-later
//
// Stands in for the confined program where it examines a disk, and lies: how is the end of the name
// that it is called by.
//   lying-examiner.LIE
// Without a lie that it knows, it tells of two volumes, each of half of a disk of 1 MiB, of each of
// which 64 KiB are free.

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/fields.h"
#include "disk/confined/protocol.h"
#include "leave_out/told_volumes.h"
#include "tools/taken_over.h"

namespace {

using namespace qcow2stream;
using namespace qcow2stream::confined;

constexpr std::uint64_t kDisk = 1U << 20;
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

class Examiner {
 public:
  Examiner(std::string lie, int socket, std::span<std::byte> slot)
      : lie_(std::move(lie)), socket_(socket), slot_(slot) {}

  void run() {
    Request request;
    if (::recv(socket_, &request, sizeof request, 0) != sizeof request) return;
    const auto what = read_disk_to_examine(slot_.first(request.length));
    if (lie_ == "dies-at-once") ::raise(SIGKILL);
    if (lie_ == "found-without-volume") finding();
    if (lie_ == "reads-behind-the-end") ask(Ask::kBytes, kMost - 10, 20);
    if (lie_ == "reads-nothing") ask(Ask::kBytes, 0, 0);
    if (lie_ == "reads-too-much") ask(Ask::kBytes, 0, kSlotBytes + 1);
    for (std::uint64_t i = what->first_volume; i < 2; ++i) volume(i);
    ask(Ask::kEnd, 0, 0);
  }

 private:
  void volume(std::uint64_t number) {
    const ToldVolume told{.name = "volume\n" + std::to_string(number), .size = kDisk / 2};
    ask(Ask::kVolume, number + (lie_ == "other-number" ? 1 : 0), write_volume(told, slot_));
    if (lie_ == "volume-in-volume") ask(Ask::kVolume, number, write_volume(told, slot_));
    if (lie_ == "end-in-volume") ask(Ask::kEnd, 0, 0);
    ask(Ask::kBytes, number * kDisk / 2, 4096);
    const std::uint64_t begin = number * kDisk / 2 + 65536;
    unused(0, {begin, 65536});
    if (number == 0) lie();
    finding();
  }

  void lie() {
    if (lie_ == "dies") ::raise(SIGKILL);
    if (lie_ == "is-silent") ::pause();
    if (lie_ == "other-protocol") say(socket_, Request{.protocol = 1});
    if (lie_ == "unknown-request") ask(static_cast<Ask>(77), 0, 0);
    if (lie_ == "request-of-others") ask(Ask::kRuns, 0, 0);
    if (lie_ == "outside") unused(0, {kDisk, 1});
    if (lie_ == "wraps") unused(0, {4096, kMost});
    if (lie_ == "empty-run") unused(0, {4096, 0});
    if (lie_ == "half-a-run") unused(0, {4096});
    if (lie_ == "not-asked") unused(1, {4096, 4096});
    if (lie_ == "unknown-kind") unused(7, {4096, 4096});
    if (lie_ == "senseless-finding") ask(Ask::kFound, 0, 8);
    if (lie_ == "long-finding") ask(Ask::kFound, 0, kMost);
    while (lie_ == "unending") unused(0, {0, kDisk});
  }

  void unused(std::uint64_t kind, const std::vector<std::uint64_t>& numbers) {
    FieldWriter fields(slot_);
    for (const std::uint64_t number : numbers) fields.number(number);
    ask(Ask::kUnused, kind, fields.size());
  }

  void finding() {
    ask(Ask::kFound, 0,
        write_finding({.format = "fs", .name = "label", .used = 1, .free = 2}, slot_));
  }

  void ask(Ask what, std::uint64_t begin, std::uint64_t length) {
    say(socket_, Request{.ask = what, .begin = begin, .length = length});
    Answer answer;
    if (::recv(socket_, &answer, sizeof answer, 0) != sizeof answer) ::_exit(0);
  }

  const std::string lie_;
  const int socket_;
  const std::span<std::byte> slot_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 1) return 2;
  const std::string name = argv[0];
  const TakenOver given = take_over();
  say(kControl, Hello{});
  Examiner(name.substr(name.rfind('.') + 1), given.socket(0), given.slot(0)).run();
  char end = 0;
  static_cast<void>(::recv(kControl, &end, 1, 0));
  ::_exit(0);
}
