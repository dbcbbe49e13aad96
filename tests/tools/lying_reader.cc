// SPDX-License-Identifier: GPL-2.0-or-later
//
// Stands in for the confined program and lies: how is the end of the name that it is called by.
//   lying-reader.LIE
// Without a lie that it knows, it tells of a disk of 1 MiB whose first half lies at the beginning
// of the image and whose second half is of bytes 'x'.

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/fields.h"
#include "disk/confined/opened.h"
#include "disk/confined/protocol.h"
#include "disk/confined/told_runs.h"
#include "tools/taken_over.h"

namespace {

using namespace qcow2stream;
using namespace qcow2stream::confined;

constexpr std::uint64_t kDisk = 1U << 20;
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

using Numbers = std::vector<std::uint64_t>;

std::size_t put(std::span<std::byte> slot, const Numbers& numbers) {
  FieldWriter fields(slot);
  for (const std::uint64_t number : numbers) fields.number(number);
  return fields.size();
}

// What it says of the runs of the disk: length, kind and place of each.
const std::map<std::string, Numbers> kRunsThatLie = {
    {"behind-the-end", {kDisk, 1, 1}},
    {"far-behind-the-end", {kDisk / 2, 1, 1ULL << 40}},
    {"wraps", {kDisk / 2, 1, kMost - 100}},
    {"too-long", {kDisk + 1, 0, 0}},
    {"much-too-long", {kMost, 0, 0}},
    {"empty-run", {0, 0, 0}},
    {"unknown-kind", {kDisk, 4, 0}},
    {"below", {kDisk, 3, 0}},
    {"no-runs", {}},
    {"half-a-run", {kDisk, 0}},
};

std::size_t answer_open(const std::string& lie, std::span<std::byte> slot) {
  ToldOpened opened{.size = kDisk, .stored = {.cluster_size = 65536}};
  if (lie == "huge-disk") opened.size = kMost;
  if (lie == "odd-cluster") opened.stored.cluster_size = 65535;
  if (lie == "no-cluster") opened.stored.cluster_size = 0;
  if (lie == "changes") opened.has_changes = true;
  if (lie == "control-characters") opened.caveats.push_back({"one\n\x1b[2Jtwo"});
  if (lie == "many-caveats") opened.caveats.resize(1000);
  return *write_opened(opened, slot);
}

std::size_t answer_runs(const std::string& lie, std::span<std::byte> slot, std::uint64_t begin) {
  const auto found = kRunsThatLie.find(lie);
  if (found != kRunsThatLie.end()) return put(slot, found->second);
  if (begin >= kDisk / 2) return put(slot, {kDisk - begin, 2, 0});
  return put(slot, {kDisk / 2 - begin, 1, begin, kDisk / 2, 2, 0});
}

// What is said in place of an answer, and when.
bool lies_about_messages(const std::string& lie, int socket, const Request& request) {
  if (request.ask != Ask::kRead) return false;
  if (lie == "dies") ::raise(SIGKILL);
  // At once: ThreadSanitizer sleeps for a second in exit() and _exit().
  if (lie == "leaves") ::syscall(SYS_exit_group, 3);
  if (lie == "is-silent") return true;
  if (lie == "short-answer") say(socket, std::array<char, 3>{});
  if (lie == "long-answer") say(socket, std::array<char, 4096>{});
  if (lie == "empty-answer") ::send(socket, "", 0, MSG_NOSIGNAL);
  if (lie == "other-protocol") say(socket, Answer{.protocol = 1, .bytes = request.length});
  if (lie == "other-answer") say(socket, Answer{.say = static_cast<Say>(9)});
  if (lie == "more-than-the-slot") say(socket, Answer{.bytes = kSlotBytes + 1});
  if (lie == "endless") say(socket, Answer{.bytes = kMost});
  if (lie == "fewer-bytes") say(socket, Answer{.bytes = request.length - 1});
  if (lie == "more-bytes") say(socket, Answer{.bytes = request.length + 1});
  if (lie == "senseless-error") say(socket, Answer{.say = Say::kError, .bytes = 1000});
  return false;
}

void serve(const std::string& lie, int socket, std::span<std::byte> slot) {
  Request request;
  while (::recv(socket, &request, sizeof request, 0) == sizeof request) {
    if (lies_about_messages(lie, socket, request)) continue;
    std::size_t bytes = 0;
    if (request.ask == Ask::kOpen) bytes = answer_open(lie, slot);
    if (request.ask == Ask::kRuns) bytes = answer_runs(lie, slot, request.begin);
    if (request.ask == Ask::kRead) {
      bytes = request.length;
      std::memset(slot.data(), 'x', bytes);
    }
    if (request.ask == Ask::kStored) bytes = put(slot, {kMost, 2});
    if (request.ask == Ask::kStoredLength) bytes = put(slot, {kMost});
    say(socket, Answer{.bytes = bytes});
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 1) return 2;
  const std::string name = argv[0];
  const std::string lie = name.substr(name.rfind('.') + 1);
  const TakenOver given = take_over();
  if (lie == "shrinks") static_cast<void>(!::ftruncate(given.descriptors[0], 0));

  Hello hello;
  if (lie == "other-version") hello.protocol = 7;
  if (lie == "misses-nothing-known") hello.missing = static_cast<Missing>(99);
  if (lie == "short-hello") {
    say(kControl, 'x');
  } else {
    say(kControl, hello);
  }
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < given.start.channels; ++i) {
    threads.emplace_back(serve, lie, given.socket(i), given.slot(i));
  }
  char end = 0;
  static_cast<void>(::recv(kControl, &end, 1, 0));
  ::_exit(0);
}
