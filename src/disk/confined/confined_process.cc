// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/confined/confined_process.h"

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
#include "system/confinement.h"
#include "system/io.h"

namespace qcow2stream::confined {
namespace {

constexpr const char* kGivenUp = "the process that reads it was given up";

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

ConfinedProcess::ConfinedProcess(Setup setup) : setup_(std::move(setup)) {
  start();
  check_confined();
}

void ConfinedProcess::Unmap::operator()(std::byte* begin) const {
  ::munmap(begin, bytes);
}

void ConfinedProcess::start() {
  const std::size_t bytes = setup_.channels * kSlotBytes;
  const auto fail_with_errno = [&] {
    throw system_error(setup_.name, "cannot be isolated", errno);
  };
  const UniqueFd memory = shared_memory(bytes);
  if (!memory) fail_with_errno();
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) fail_with_errno();
  memory_ = {static_cast<std::byte*>(mapped), Unmap{bytes}};

  auto control = socket_pair();
  if (!control) fail_with_errno();
  control_ = std::move(control->first);
  std::vector<UniqueFd> theirs;
  for (unsigned i = 0; i < setup_.channels; ++i) {
    auto pair = socket_pair();
    if (!pair) fail_with_errno();
    theirs.push_back(std::move(pair->second));
    sockets_.push_back(std::move(pair->first));
  }
  process_ = std::make_unique<HelperProcess>(setup_.program, std::move(control->second));
  hand_over(memory.get(), theirs);
}

std::span<std::byte> ConfinedProcess::slot(unsigned channel) const {
  const std::span<std::byte> all(memory_.get(), setup_.channels * kSlotBytes);
  return all.subspan(channel * kSlotBytes, kSlotBytes);
}

// What the program has of it alone closes here, so that we are told when it ends.
void ConfinedProcess::hand_over(int memory, const std::vector<UniqueFd>& sockets) const {
  Start start{.channels = setup_.channels, .work = setup_.work, .file_bytes = setup_.file_bytes};
  std::array<int, kMostChannels + kDescriptorsBesideChannels> descriptors{};
  std::size_t count = 0;
  descriptors.at(count++) = memory;
  if (setup_.work == Work::kDisk) descriptors.at(count++) = setup_.file;
  for (const UniqueFd& socket : sockets) descriptors.at(count++) = socket.get();

  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof descriptors)> space{};
  iovec data{.iov_base = &start, .iov_len = sizeof start};
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
  if (uninterrupted([&] { return ::sendmsg(control_.get(), &message, MSG_NOSIGNAL); }) < 0 &&
      errno != EPIPE && errno != ECONNRESET) {  // what has ended is noticed by whoever waits for it
    throw system_error(setup_.name, "cannot be isolated", errno);
  }
}

void ConfinedProcess::check_confined() const {
  Hello hello;
  receive_bytes(control_.get(), std::as_writable_bytes(std::span(&hello, 1)));
  if (hello.protocol != kProtocol) {
    throw Error(ErrorKind::kFailed, setup_.program, "cannot be used", "it is of another version");
  }
  if (hello.missing == Missing::kNothing) return;
  const char* need = words_of(hello.missing);
  if (need == nullptr) refuse_answer();
  refuse_confinement(setup_.name, need, hello.error);
}

void ConfinedProcess::send_bytes(unsigned channel, std::span<const std::byte> message) const {
  if (given_up_) fail(kGivenUp);
  const int socket = sockets_.at(channel).get();
  const ssize_t n =
      uninterrupted([&] { return ::send(socket, message.data(), message.size(), MSG_NOSIGNAL); });
  if (n >= 0) return;
  if (errno != EPIPE && errno != ECONNRESET) fail(errno_text(errno));
  fail("the process that reads it " + process_->how_it_ended());
}

void ConfinedProcess::receive_bytes(int socket, std::span<std::byte> message) const {
  pollfd answer{.fd = socket, .events = POLLIN, .revents = 0};
  const auto timeout = setup_.timeout.count();
  const int most =
      timeout == 0
          ? -1
          : static_cast<int>(std::clamp<std::int64_t>(timeout, 1, std::numeric_limits<int>::max()));
  const int ready = uninterrupted([&] { return ::poll(&answer, 1, most); });
  if (ready < 0) fail(errno_text(errno));
  if (ready == 0) {
    fail(fmt::format("the process that reads it has said nothing for {} s", timeout / 1000));
  }
  const ssize_t n = uninterrupted(
      [&] { return ::recv(socket, message.data(), message.size(), MSG_TRUNC | MSG_DONTWAIT); });
  if (n == 0 || (n < 0 && errno == ECONNRESET)) {
    if (given_up_) fail(kGivenUp);
    fail("the process that reads it " + process_->how_it_ended());
  }
  if (n < 0) fail(errno_text(errno));
  if (static_cast<std::size_t>(n) != message.size()) refuse_answer();
}

// An answer that comes too late must not be taken for that to another request. All who fail say why
// the first one has.
void ConfinedProcess::fail(const std::string& reason) const {
  std::string first;
  {
    const std::lock_guard lock(mutex_);
    if (why_given_up_.empty()) why_given_up_ = reason;
    first = why_given_up_;
  }
  give_up();
  throw Error(ErrorKind::kFailed, setup_.name, "cannot be read", first).about(setup_.subject);
}

void ConfinedProcess::refuse_answer() const {
  fail("the process that reads it has given an answer that makes no sense");
}

void ConfinedProcess::give_up() const {
  given_up_ = true;
  for (const UniqueFd& socket : sockets_) ::shutdown(socket.get(), SHUT_RDWR);
}

}  // namespace qcow2stream::confined
