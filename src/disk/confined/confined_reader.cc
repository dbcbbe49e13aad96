// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/confined/confined_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "disk/confined/told_error.h"
#include "system/confinement.h"
#include "system/cores.h"
#include "system/io.h"

namespace qcow2stream::confined {
namespace {

// One for each core, and some for those who wait for a disk.
unsigned channels_wanted() {
  return std::clamp(cores() + 2, 4U, kMostChannels);
}

// Memory that keeps its size: a program that could make it shorter could have us killed.
UniqueFd shared_memory(std::size_t bytes) {
  UniqueFd fd(::memfd_create("qcow2stream-confined", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0 ||
      ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return {};
  }
  return fd;
}

// Ours and the other one.
std::optional<std::pair<UniqueFd, UniqueFd>> socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return std::nullopt;
  }
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

const char* words_of(Missing missing) {
  switch (missing) {
    case Missing::kNothing:
      return nullptr;
    case Missing::kProcessor:
      return kNeedsProcessor;
    case Missing::kLandlock:
      return kNeedsLandlock;
    case Missing::kFilters:
      return kNeedsFilters;
  }
  return nullptr;
}

}  // namespace

ConfinedReader::ConfinedReader(Setup setup) : setup_(std::move(setup)) {
  start();
  check_confined();
}

void ConfinedReader::Unmap::operator()(std::byte* begin) const {
  ::munmap(begin, bytes);
}

void ConfinedReader::start() {
  const unsigned count = channels_wanted();
  const auto fail_with_errno = [&] {
    throw system_error(setup_.name, "cannot be isolated", errno);
  };
  const UniqueFd memory = shared_memory(count * kSlotBytes);
  if (!memory) fail_with_errno();
  void* mapped =
      ::mmap(nullptr, count * kSlotBytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) fail_with_errno();
  memory_ = {static_cast<std::byte*>(mapped), Unmap{count * kSlotBytes}};
  const std::span<std::byte> slots(memory_.get(), count * kSlotBytes);

  auto control = socket_pair();
  if (!control) fail_with_errno();
  control_ = std::move(control->first);
  std::vector<UniqueFd> theirs;
  for (unsigned i = 0; i < count; ++i) {
    auto pair = socket_pair();
    if (!pair) fail_with_errno();
    theirs.push_back(std::move(pair->second));
    channels_.push_back(
        {.socket = std::move(pair->first), .slot = slots.subspan(i * kSlotBytes, kSlotBytes)});
  }
  for (const Channel& channel : channels_) free_.push_back(&channel);
  process_ = std::make_unique<HelperProcess>(setup_.program, std::move(control->second));
  hand_over(control_.get(), memory.get(), theirs);
}

// What the program has of it alone closes here, so that we are told when it ends.
void ConfinedReader::hand_over(int control, int memory,
                               const std::vector<UniqueFd>& sockets) const {
  const Start start{.channels = static_cast<std::uint32_t>(sockets.size()),
                    .file_bytes = setup_.file_bytes};
  std::array<int, kMostChannels + kDescriptorsBesideChannels> descriptors{};
  std::size_t count = 0;
  descriptors[count++] = setup_.file;
  descriptors[count++] = memory;
  for (const UniqueFd& socket : sockets) descriptors[count++] = socket.get();

  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof descriptors)> space{};
  Start copy = start;
  iovec data{.iov_base = &copy, .iov_len = sizeof copy};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = space.data();
  message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof(int));
  std::memcpy(CMSG_DATA(header), descriptors.data(), count * sizeof(int));
  if (uninterrupted([&] { return ::sendmsg(control, &message, MSG_NOSIGNAL); }) < 0 &&
      errno != EPIPE && errno != ECONNRESET) {  // what has ended is noticed by whoever waits for it
    throw system_error(setup_.name, "cannot be isolated", errno);
  }
}

void ConfinedReader::check_confined() const {
  Hello hello;
  receive(control_.get(), std::as_writable_bytes(std::span(&hello, 1)));
  if (hello.protocol != kProtocol) {
    throw Error(ErrorKind::kFailed, setup_.program, "cannot be used", "it is of another version");
  }
  if (hello.missing == Missing::kNothing) return;
  const char* need = words_of(hello.missing);
  if (need == nullptr) refuse_answer();
  refuse_confinement(setup_.name, need, hello.error);
}

// One message, of exactly this size.
void ConfinedReader::receive(int socket, std::span<std::byte> message) const {
  pollfd answer{.fd = socket, .events = POLLIN, .revents = 0};
  const auto most =
      std::clamp<std::int64_t>(setup_.timeout.count(), 1, std::numeric_limits<int>::max());
  const int ready = uninterrupted([&] { return ::poll(&answer, 1, static_cast<int>(most)); });
  if (ready < 0) fail(errno_text(errno));
  if (ready == 0) {
    fail(fmt::format("the process that reads it has said nothing for {} s",
                     setup_.timeout.count() / 1000));
  }
  const ssize_t n = uninterrupted(
      [&] { return ::recv(socket, message.data(), message.size(), MSG_TRUNC | MSG_DONTWAIT); });
  if (n == 0 || (n < 0 && errno == ECONNRESET)) {
    fail("the process that reads it " + process_->how_it_ended());
  }
  if (n < 0) fail(errno_text(errno));
  if (static_cast<std::size_t>(n) != message.size()) refuse_answer();
}

// An answer that comes too late must not be taken for that to another request.
void ConfinedReader::fail(const std::string& reason) const {
  given_up_ = true;
  throw Error(ErrorKind::kFailed, setup_.name, "cannot be read", reason).about(ErrorSubject::kDisk);
}

void ConfinedReader::refuse_answer() const {
  fail("the process that reads it has given an answer that makes no sense");
}

ConfinedReader::Loan::Loan(const ConfinedReader& reader) : reader_(reader) {
  std::unique_lock lock(reader_.mutex_);
  reader_.freed_.wait(lock, [this] { return !reader_.free_.empty(); });
  channel_ = reader_.free_.back();
  reader_.free_.pop_back();
}

ConfinedReader::Loan::~Loan() {
  {
    const std::lock_guard lock(reader_.mutex_);
    reader_.free_.push_back(channel_);
  }
  reader_.freed_.notify_one();
}

std::span<const std::byte> ConfinedReader::Loan::ask(Ask what, std::uint64_t begin,
                                                     std::uint64_t length) {
  const Request request{.ask = what, .begin = begin, .length = length};
  const int socket = channel_->socket.get();
  if (reader_.given_up_) reader_.fail("the process that reads it was given up");
  if (uninterrupted([&] { return ::send(socket, &request, sizeof request, MSG_NOSIGNAL); }) < 0) {
    if (errno != EPIPE && errno != ECONNRESET) reader_.fail(errno_text(errno));
    reader_.fail("the process that reads it " + reader_.process_->how_it_ended());
  }
  Answer answer;
  reader_.receive(socket, std::as_writable_bytes(std::span(&answer, 1)));
  const bool is_sane = answer.protocol == kProtocol && answer.bytes <= slot().size() &&
                       (answer.say == Say::kDone || answer.say == Say::kError);
  if (!is_sane) reader_.refuse_answer();
  const auto bytes = slot().first(answer.bytes);
  if (answer.say == Say::kDone) return bytes;
  const std::vector<std::byte> copy(bytes.begin(), bytes.end());
  const auto error = read_error(copy, reader_.setup_.name);
  if (!error) reader_.refuse_answer();
  throw Error(*error);
}

std::vector<std::byte> ConfinedReader::Loan::ask_and_copy(Ask what, std::uint64_t begin,
                                                          std::uint64_t length) {
  const auto bytes = ask(what, begin, length);
  return {bytes.begin(), bytes.end()};
}

}  // namespace qcow2stream::confined
