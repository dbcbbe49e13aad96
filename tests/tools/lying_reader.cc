// SPDX-License-Identifier: GPL-2.0-or-later
//
// Stands in for the confined program and lies: how is the end of the name that it is called by.
//   lying-reader.LIE
// Without a lie that it knows, it tells of a disk of 1 MiB whose first half lies at the beginning
// of the image and whose second half is of bytes 'x'; of a disk that is to be examined, see Examiner.

#include <sys/mman.h>
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

#include "disk/confined/fields.h"
#include "disk/confined/opened.h"
#include "disk/confined/protocol.h"
#include "disk/confined/told_runs.h"
#include "leave_out/told_volumes.h"

namespace {

using namespace qcow2stream;
using namespace qcow2stream::confined;

constexpr int kControl = 3;
constexpr std::uint64_t kDisk = 1U << 20;
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

struct Given {
  Start start;
  std::vector<int> descriptors;
};

Given take() {
  Given given;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(256 * sizeof(int))> space{};
  iovec data{.iov_base = &given.start, .iov_len = sizeof given.start};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = space.data();
  message.msg_controllen = space.size();
  if (::recvmsg(kControl, &message, 0) < 0) ::_exit(1);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  given.descriptors.resize((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  std::memcpy(given.descriptors.data(), CMSG_DATA(header), given.descriptors.size() * sizeof(int));
  return given;
}

template <class Message>
void say(int socket, const Message& message) {
  ::send(socket, &message, sizeof message, MSG_NOSIGNAL);
}

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

// --- file systems ---------------------------------------------------------------------------------

// Without a lie: two volumes of half of a disk of 1 MiB, of each of which 64 KiB are free.
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

  void unused(std::uint64_t kind, const Numbers& numbers) {
    ask(Ask::kUnused, kind, put(slot_, numbers));
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
  const std::string lie = name.substr(name.rfind('.') + 1);
  const Given given = take();
  const std::size_t size = given.start.channels * kSlotBytes;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, given.descriptors[0], 0);
  if (memory == MAP_FAILED) return 1;
  const std::span<std::byte> slots(static_cast<std::byte*>(memory), size);
  if (lie == "shrinks") static_cast<void>(!::ftruncate(given.descriptors[0], 0));

  Hello hello;
  if (lie == "other-version") hello.protocol = 7;
  if (lie == "misses-nothing-known") hello.missing = static_cast<Missing>(99);
  if (lie == "short-hello") {
    say(kControl, 'x');
  } else {
    say(kControl, hello);
  }
  if (given.start.work == Work::kExamine) {
    Examiner(lie, given.descriptors.at(1), slots).run();
    ::pause();
  }
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < given.start.channels; ++i) {
    threads.emplace_back(serve, lie, given.descriptors.at(i + kDescriptorsBesideChannels),
                         slots.subspan(i * kSlotBytes, kSlotBytes));
  }
  char end = 0;
  static_cast<void>(::recv(kControl, &end, 1, 0));
  ::_exit(0);
}
