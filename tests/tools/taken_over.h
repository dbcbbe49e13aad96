// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a stand-in for the confined program does first: it takes what is handed to it, and believes
// it.

#pragma once

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "disk/confined/protocol.h"

namespace qcow2stream {

inline constexpr int kControl = 3;

struct TakenOver {
  confined::Start start;
  std::vector<int> descriptors;  // the memory, perhaps the image, and one for each channel
  std::span<std::byte> memory;

  [[nodiscard]] std::span<std::byte> slot(unsigned channel) const {
    return memory.subspan(channel * confined::kSlotBytes, confined::kSlotBytes);
  }
  [[nodiscard]] int socket(unsigned channel) const {
    return descriptors.at(descriptors.size() - start.channels + channel);
  }
};

inline TakenOver take_over() {
  TakenOver given;
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
  const std::size_t size = given.start.channels * confined::kSlotBytes;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, given.descriptors[0], 0);
  if (memory == MAP_FAILED) ::_exit(1);
  given.memory = {static_cast<std::byte*>(memory), size};
  return given;
}

template <class Message>
void say(int socket, const Message& message) {
  ::send(socket, &message, sizeof message, MSG_NOSIGNAL);
}

}  // namespace qcow2stream
