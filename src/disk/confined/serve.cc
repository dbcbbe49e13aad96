// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/confined/serve.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <system_error>
#include <thread>
#include <vector>

#include "digest/hasher.h"
#include "disk/confined/protocol.h"
#include "disk/confined/served_image.h"
#include "system/fd.h"
#include "system/filter_assembler.h"
#include "system/io.h"
#include "system/self_confinement.h"

namespace qcow2stream::confined {
namespace {

struct HandedOver {
  Start start;
  UniqueFd file;
  UniqueFd memory;
  std::vector<ServedChannel> channels;
};

std::optional<HandedOver> take_over(int control) {
  HandedOver all;
  constexpr std::size_t kMostDescriptors = kMostChannels + kDescriptorsBesideChannels;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMostDescriptors * sizeof(int))> space{};
  iovec data{.iov_base = &all.start, .iov_len = sizeof all.start};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = space.data();
  message.msg_controllen = space.size();
  const ssize_t n = uninterrupted([&] { return ::recvmsg(control, &message, MSG_CMSG_CLOEXEC); });
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (n != sizeof all.start || header == nullptr || header->cmsg_type != SCM_RIGHTS) {
    return std::nullopt;
  }
  const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  std::array<int, kMostDescriptors> descriptors{};
  std::memcpy(descriptors.data(), CMSG_DATA(header), count * sizeof(int));
  const bool has_file = all.start.work == Work::kDisk;
  const std::size_t beside = has_file ? kDescriptorsBesideChannels : kDescriptorsBesideChannels - 1;
  const bool is_known =
      has_file || all.start.work == Work::kStream || all.start.work == Work::kExamine;
  if (all.start.protocol != kProtocol || !is_known || count != all.start.channels + beside) {
    return std::nullopt;
  }
  all.memory = UniqueFd(descriptors[0]);
  if (has_file) all.file = UniqueFd(descriptors[1]);
  for (std::size_t i = beside; i < count; ++i) {
    all.channels.push_back({.socket = UniqueFd(descriptors.at(i)), .slot = {}});
  }
  return all;
}

bool map_memory(HandedOver& all) {
  const std::size_t bytes = all.channels.size() * kSlotBytes;
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, all.memory.get(), 0);
  if (mapped == MAP_FAILED) return false;
  std::span<std::byte> rest(static_cast<std::byte*>(mapped), bytes);
  for (ServedChannel& channel : all.channels) {
    channel.slot = rest.first(kSlotBytes);
    rest = rest.subspan(kSlotBytes);
  }
  all.memory = UniqueFd();
  return true;
}

bool say(int socket, std::span<const std::byte> message) {
  return uninterrupted([&] {
           return ::send(socket, message.data(), message.size(), MSG_NOSIGNAL);
         }) == static_cast<ssize_t>(message.size());
}

// Ends with the channel.
void serve_channel(ServedImage& image, int socket, std::span<std::byte> slot) {
  for (;;) {
    Request request;
    const ssize_t n =
        uninterrupted([&] { return ::recv(socket, &request, sizeof request, MSG_TRUNC); });
    if (n != sizeof request || request.protocol != kProtocol) return;
    const Answer answer = image.answer(request, slot);
    if (!say(socket, std::as_bytes(std::span(&answer, 1)))) return;
  }
}

// What a library reads or asks for when it is first used, it could not once we are confined.
void use_libraries() {
  make_hasher(DigestAlgorithm::kSha256)->finish();
}

Missing missing_of(bool forbade_files) {
  if (kFilteredArchitecture == 0) return Missing::kProcessor;
  return forbade_files ? Missing::kFilters : Missing::kLandlock;
}

// Their threads are started before the filter that lets none be started.
void serve_disk(const HandedOver& given, ServedImage& image, std::vector<std::thread>& threads) {
  for (const ServedChannel& channel : given.channels) {
    threads.emplace_back(serve_channel, std::ref(image), channel.socket.get(), channel.slot);
  }
}

}  // namespace

// The order counts: threads inherit what was forbidden before them. Nothing of the image is looked
// at before all of it is done.
int serve(int control, const ConfinedWorks& works) {
  auto given = take_over(control);
  if (!given || !map_memory(*given)) return 1;
  use_libraries();
  Hello hello;
  const auto say_hello = [&] { return say(control, std::as_bytes(std::span(&hello, 1))); };
  if (!forbid_files_and_rights()) {
    hello = {.missing = missing_of(false), .error = errno};
    say_hello();
    return 1;
  }
  const Work work = given->start.work;
  ServedImage image(given->file.get(), given->start.file_bytes);
  std::vector<std::thread> threads;
  try {
    if (work == Work::kDisk) serve_disk(*given, image, threads);
  } catch (const std::system_error&) {
    ::_exit(1);  // no thread, and some that cannot be waited for
  }
  if (!allow_computing_only(work == Work::kStream)) {
    hello = {.missing = missing_of(true), .error = errno};
    say_hello();
    ::_exit(1);
  }
  if (!say_hello()) ::_exit(1);
  if (work == Work::kStream) works.take_stream(given->channels);
  if (work == Work::kExamine) works.examine_disk(given->channels);
  std::byte nothing{};
  uninterrupted([&] { return ::recv(control, &nothing, sizeof nothing, 0); });
  ::_exit(0);  // whoever is still computing does so for nobody
}

}  // namespace qcow2stream::confined
