// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/nbd/tls.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <vector>

#include "base/errors.h"
#include "base/percent.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

constexpr const char* kWithout = "with tls-verify-peer=false in the URI it is not verified";

[[noreturn]] void refuse(const std::string& uri, const std::string& reason) {
  throw Error(ErrorKind::kFailed, uri, "the server cannot be verified", reason)
      .about(ErrorSubject::kDisk);
}

bool wants_verification(const std::string& uri) {
  const std::string value = uri_parameter(uri, "tls-verify-peer").value_or("true");
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  throw Error(ErrorKind::kUsage, uri, "",
              fmt::format("tls-verify-peer is true or false, not '{}'", value));
}

std::string ca_of(const std::string& directory) {
  return directory + "/ca-cert.pem";
}

// Where libnbd itself looks for certificates.
std::vector<std::string> default_directories() {
  const char* home = std::getenv("HOME");
  if (::geteuid() == 0 || home == nullptr) return {"/etc/pki/libnbd"};
  return {std::string(home) + "/.pki/libnbd", std::string(home) + "/.config/pki/libnbd"};
}

std::string find_certificates(const std::string& uri) {
  if (const auto given = uri_parameter(uri, "tls-certificates")) {
    if (::access(ca_of(*given).c_str(), R_OK) == 0) return *given;
    refuse(uri, fmt::format("{}: {}; tls-certificates names the directory with the certificate of "
                            "its CA, {}",
                            ca_of(*given), errno_text(errno), kWithout));
  }
  const std::vector<std::string> places = default_directories();
  const auto found = std::ranges::find_if(places, [](const std::string& directory) {
    return ::access(ca_of(directory).c_str(), R_OK) == 0;
  });
  if (found != places.end()) return *found;
  refuse(uri, fmt::format("there is no {}; put the certificate of its CA there, or name its "
                          "directory with tls-certificates=DIR in the URI; {}",
                          ca_of(places.front()), kWithout));
}

}  // namespace

std::optional<std::string> uri_parameter(std::string_view uri, std::string_view name) {
  uri = uri.substr(0, uri.find('#'));
  const std::size_t query = uri.find('?');
  if (query == std::string_view::npos) return std::nullopt;
  std::string_view rest = uri.substr(query + 1);
  std::optional<std::string> value;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of("&;"), rest.size());
    const std::string_view pair = rest.substr(0, end);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (percent_decoded(pair.substr(0, equals)) == name) {
      value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())));
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return value;
}

void set_up_tls(nbd_handle* handle, const std::string& uri) {
  if (!uri.starts_with("nbds")) return;
  if (!wants_verification(uri)) {
    nbd_set_tls_verify_peer(handle, false);
    return;
  }
  if (uri_parameter(uri, "tls-psk-file")) return;
  if (!uri.starts_with("nbds:")) {
    refuse(uri, fmt::format("a socket has no host name that its certificate could be made for; "
                            "tls-psk-file=FILE in the URI names a key that both sides have, {}",
                            kWithout));
  }
  const std::string directory = find_certificates(uri);
  nbd_set_tls_certificates(handle, directory.c_str());
}

std::string explain_tls(const std::string& words) {
  if (words.find("certificate verification") == std::string::npos) return words;
  return fmt::format(
      "the server's certificate is not one of the CA in ca-cert.pem, has expired, or "
      "is made for another host; {}",
      kWithout);
}

}  // namespace qcow2stream
