// SPDX-License-Identifier: GPL-2.0-or-later

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "qcow2stream/options.h"

namespace qcow2stream {
namespace {

// What QEMU's block drivers call their protocols (protocol_name), and the two prefixes that QEMU
// itself takes apart.
constexpr auto kProtocols = std::to_array<std::string_view>(
    {"json",       "blkdebug",    "blkverify", "fat",     "file",  "ftp",  "ftps", "gluster",
     "host_cdrom", "host_device", "http",      "https",   "iscsi", "iser", "nbd",  "nbd+tcp",
     "nbd+unix",   "nfs",         "null-aio",  "null-co", "nvme",  "rbd",  "ssh"});

}  // namespace

std::string file_backing_name(const std::string& name) {
  const std::size_t colon = name.find(':');
  if (colon == std::string::npos || name.find('/') < colon) return name;
  const std::string_view protocol = std::string_view(name).substr(0, colon);
  const bool known = std::ranges::find(kProtocols, protocol) != kProtocols.end();
  // Other names of protocols, such as gluster+tcp, are followed by slashes.
  const bool is_url = name.compare(colon, 3, "://") == 0;
  return known || is_url ? name : "./" + name;
}

}  // namespace qcow2stream
