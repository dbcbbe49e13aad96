// SPDX-License-Identifier: GPL-2.0-or-later
//
// A block node says the same as QEMU's name, member by member; which is which is in QEMU's
// documentation of its block drivers ("Disk image file locations", BlockdevOptions).

#include "qcow2-to-stdout/qemu_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "base/percent.h"
#include "common/shell_word.h"

namespace qcow2stream::cli {
namespace {

using OrderedJson = nlohmann::ordered_json;

// Everything before the first `mark`, which goes too; all of it where there is none.
std::string_view take_until(std::string_view& text, char mark) {
  const std::size_t end = text.find(mark);
  const std::string_view head = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return head;
}

struct Uri {
  std::string_view scheme;
  std::string user;
  std::string host;  // without the brackets of an IPv6 address
  std::string port;
  std::string path;  // with the slash before it; decoded, as is all but the next
  std::string_view query;

  [[nodiscard]] std::string parameter(std::string_view name) const {
    for (std::string_view rest = query; !rest.empty();) {
      std::string_view value = take_until(rest, '&');
      if (take_until(value, '=') == name) return percent_decoded(value);
    }
    return "";
  }
};

Uri parse_uri(std::string_view text) {
  Uri uri;
  uri.scheme = take_until(text, ':');
  text.remove_prefix(std::min<std::size_t>(2, text.size()));  // the slashes
  text = text.substr(0, text.find('#'));
  std::string_view path = take_until(text, '?');
  uri.query = text;
  std::string_view authority = path.substr(0, path.find('/'));
  path.remove_prefix(authority.size());
  uri.path = percent_decoded(path);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    uri.user = percent_decoded(authority.substr(0, authority.find_first_of(":%@")));
    authority.remove_prefix(at + 1);
  }
  if (authority.starts_with('[')) {
    authority.remove_prefix(1);
    uri.host = percent_decoded(take_until(authority, ']'));
    take_until(authority, ':');
  } else {
    uri.host = percent_decoded(take_until(authority, ':'));
  }
  uri.port = authority;
  return uri;
}

// Without the slash before the path.
std::pair<std::string, std::string> first_part(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  const std::string_view first = take_until(path, '/');
  return {std::string(first), std::string(path)};
}

void set_unless_empty(OrderedJson& node, const char* member, const std::string& value) {
  if (!value.empty()) node[member] = value;
}

template <class Value>
Value number_or(std::string_view text, Value otherwise) {
  Value value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : otherwise;
}

OrderedJson curl_node(const std::string& name) {
  return {{"driver", name.substr(0, name.find(':'))}, {"url", name}};
}

OrderedJson ssh_node(const std::string& name) {
  const Uri uri = parse_uri(name);
  OrderedJson node{{"driver", "ssh"},
                   {"server", {{"host", uri.host}, {"port", uri.port.empty() ? "22" : uri.port}}},
                   {"path", uri.path}};
  set_unless_empty(node, "user", uri.user);
  return node;
}

OrderedJson iscsi_node(const std::string& name) {
  const Uri uri = parse_uri(name);
  const auto [target, lun] = first_part(uri.path);
  const bool is_ipv6 = uri.host.find(':') != std::string::npos;
  std::string portal = is_ipv6 ? fmt::format("[{}]", uri.host) : uri.host;
  if (!uri.port.empty()) portal += ":" + uri.port;
  OrderedJson node{{"driver", "iscsi"},
                   {"transport", uri.scheme == "iser" ? "iser" : "tcp"},
                   {"portal", portal},
                   {"target", target}};
  set_unless_empty(node, "user", uri.user);
  node["lun"] = number_or(lun, 0U);
  return node;
}

OrderedJson nfs_node(const std::string& name) {
  const Uri uri = parse_uri(name);
  OrderedJson node{
      {"driver", "nfs"}, {"server", {{"type", "inet"}, {"host", uri.host}}}, {"path", uri.path}};
  for (const auto& [parameter, member] : {std::pair("uid", "user"), std::pair("gid", "group")}) {
    const std::string value = uri.parameter(parameter);
    if (!value.empty()) node[member] = number_or(value, std::int64_t{0});
  }
  return node;
}

OrderedJson gluster_node(const std::string& name) {
  const Uri uri = parse_uri(name);
  const auto [volume, path] = first_part(uri.path);
  const OrderedJson server = uri.scheme == "gluster+unix"
                                 ? OrderedJson{{"type", "unix"}, {"path", uri.parameter("socket")}}
                                 : OrderedJson{{"type", "inet"},
                                               {"host", uri.host},
                                               {"port", uri.port.empty() ? "24007" : uri.port}};
  return {{"driver", "gluster"},
          {"volume", volume},
          {"path", path},
          {"server", OrderedJson::array({server})}};
}

// "pool/namespace/image@snapshot:id=user:conf=file", with backslashes before these marks where they
// are meant.
std::string take_rbd_word(std::string_view& text, std::string_view marks, char& mark) {
  std::string word;
  mark = 0;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '\\' && !text.empty()) {
      word += text.front();
      text.remove_prefix(1);
    } else if (marks.find(c) != std::string_view::npos) {
      mark = c;
      break;
    } else {
      word += c;
    }
  }
  return word;
}

OrderedJson rbd_node(const std::string& name) {
  std::string_view rest = std::string_view(name).substr(4);
  char mark = 0;
  OrderedJson node{{"driver", "rbd"}, {"pool", take_rbd_word(rest, "/", mark)}};
  std::string image = take_rbd_word(rest, "/@:", mark);
  if (mark == '/') {
    node["namespace"] = image;
    image = take_rbd_word(rest, "@:", mark);
  }
  node["image"] = image;
  if (mark == '@') node["snapshot"] = take_rbd_word(rest, ":", mark);
  while (!rest.empty()) {
    const std::string key = take_rbd_word(rest, "=:", mark);
    const std::string value = mark == '=' ? take_rbd_word(rest, ":", mark) : "";
    // Of Ceph's own settings a node has only these; others belong into the file that `conf` names.
    if (key == "id") node["user"] = value;
    if (key == "conf") node["conf"] = value;
  }
  return node;
}

// "fat:rw:floppy:16:directory"
OrderedJson fat_node(const std::string& name) {
  std::string_view rest = std::string_view(name).substr(4);
  OrderedJson node{{"driver", "vvfat"}, {"dir", ""}};
  for (;;) {
    std::string_view after = rest;
    const std::string_view word = take_until(after, ':');
    if (word == "floppy") {
      node["floppy"] = true;
    } else if (word == "12" || word == "16" || word == "32") {
      node["fat-type"] = number_or(word, 16U);
    } else if (word != "rw") {
      break;
    }
    rest = after;
  }
  node["dir"] = std::string(rest);
  return node;
}

// "nvme://0000:01:00.0/1"
OrderedJson nvme_node(const std::string& name) {
  std::string_view rest = std::string_view(name).substr(std::string_view("nvme://").size());
  const std::string device(take_until(rest, '/'));
  return {{"driver", "nvme"}, {"device", device}, {"namespace", number_or(rest, 1U)}};
}

struct Protocol {
  std::string_view beginning;
  OrderedJson (*node)(const std::string& name);
};

constexpr auto kProtocols = std::to_array<Protocol>({
    {"http://", curl_node},
    {"https://", curl_node},
    {"ftp://", curl_node},
    {"ftps://", curl_node},
    {"ssh://", ssh_node},
    {"rbd:", rbd_node},
    {"iscsi://", iscsi_node},
    {"iser://", iscsi_node},
    {"nfs://", nfs_node},
    {"gluster://", gluster_node},
    {"gluster+tcp://", gluster_node},
    {"gluster+unix://", gluster_node},
    {"gluster+rdma://", gluster_node},
    {"fat:", fat_node},
    {"nvme://", nvme_node},
});

// A query or a snapshot may stand behind the name.
std::string format_by_ending(std::string_view name) {
  constexpr auto kEndings = std::to_array<std::pair<std::string_view, std::string_view>>({
      {".qcow2", "qcow2"},
      {".qcow", "qcow"},
      {".vmdk", "vmdk"},
      {".vdi", "vdi"},
      {".vhdx", "vhdx"},
      {".vhd", "vpc"},
      {".qed", "qed"},
      {".dmg", "dmg"},
  });
  if (name.find("://") != std::string_view::npos) name = name.substr(0, name.find_first_of("?#"));
  for (const auto& [ending, format] : kEndings) {
    if (name.ends_with(ending)) return std::string(format);
  }
  return "raw";
}

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// "nbd:host:port:exportname=x", "nbd:unix:path:exportname=x"
std::string nbd_uri(std::string_view rest) {
  constexpr std::string_view kExport = ":exportname=";
  std::string name;
  if (const std::size_t at = rest.find(kExport); at != std::string_view::npos) {
    name = encoded(rest.substr(at + kExport.size()));
    rest = rest.substr(0, at);
  }
  if (rest.starts_with("unix:")) {
    return fmt::format("nbd+unix:///{}?socket={}", name, encoded(rest.substr(5)));
  }
  return fmt::format("nbd://{}/{}", rest, name);
}

std::string blockdev(const OrderedJson& node) {
  const std::string text = node.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  return "--blockdev " + shell_word(text);
}

}  // namespace

std::optional<std::string> instead_of_qemu_name(const std::string& name,
                                                const std::optional<std::string>& format) {
  const std::string_view text(name);
  if (text.starts_with("nbd:") && !text.starts_with("nbd://")) {
    return shell_word(nbd_uri(text.substr(4)));
  }
  if (text.starts_with("json:")) return "--blockdev " + shell_word(text.substr(5));
  const auto* const protocol = std::ranges::find_if(
      kProtocols, [&](const Protocol& one) { return text.starts_with(one.beginning); });
  if (protocol == kProtocols.end()) return std::nullopt;
  OrderedJson node = protocol->node(name);
  const bool is_told = format && *format != "auto";
  const std::string driver = is_told ? *format : format_by_ending(text);
  if (driver != "raw") node = {{"driver", driver}, {"file", std::move(node)}};
  return blockdev(node);
}

}  // namespace qcow2stream::cli
