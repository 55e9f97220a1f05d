// SPDX-License-Identifier: GPL-2.0
/* What comes in netlink's attributes. What is not as it should be is nothing. */
#include <arpa/inet.h>
#include <string.h>

#include "nl.h"

static void sort_in(const struct nlattr *attribute, const struct nlattr **table,
		    uint16_t max)
{
	uint16_t type = mnl_attr_get_type(attribute);

	if (type <= max)
		table[type] = attribute;
}

/**
 * nl_attributes() - the attributes of a message, by their types
 * @message: of a generic netlink family
 * @table: where they go, NULL for what is not there
 * @max: the last type that @table has room for
 */
void nl_attributes(const struct nlmsghdr *message, const struct nlattr **table,
		   uint16_t max)
{
	const struct nlattr *attribute;

	memset(table, 0, (max + 1) * sizeof(*table));
	mnl_attr_for_each(attribute, message, GENL_HDRLEN)
		sort_in(attribute, table, max);
}

/** nl_nested() - the same for the attributes of a nest; NULL has none */
void nl_nested(const struct nlattr *nest, const struct nlattr **table,
	       uint16_t max)
{
	const struct nlattr *attribute;

	memset(table, 0, (max + 1) * sizeof(*table));
	if (!nest)
		return;
	mnl_attr_for_each_nested(attribute, nest)
		sort_in(attribute, table, max);
}

uint8_t nl_command(const struct nlmsghdr *message)
{
	const struct genlmsghdr *generic = mnl_nlmsg_get_payload(message);

	return generic->cmd;
}

/** nl_number() - of any size, in host order; 0 if it is not there */
uint64_t nl_number(const struct nlattr *attribute)
{
	if (!attribute)
		return 0;
	switch (mnl_attr_get_payload_len(attribute)) {
	case 1:
		return mnl_attr_get_u8(attribute);
	case 2:
		return mnl_attr_get_u16(attribute);
	case 4:
		return mnl_attr_get_u32(attribute);
	case 8:
		return mnl_attr_get_u64(attribute);
	default:
		return 0;
	}
}

/** nl_port() - a port, which has network order there and host order here */
uint16_t nl_port(const struct nlattr *attribute)
{
	return ntohs(nl_number(attribute));
}

/** nl_index() - a number of 4 bytes in network order; false if it is none */
bool nl_index(const struct nlattr *attribute, uint32_t *index)
{
	if (mnl_attr_get_payload_len(attribute) != sizeof(*index))
		return false;
	*index = ntohl(mnl_attr_get_u32(attribute));
	return true;
}

/** nl_address() - an address; false if there is none */
bool nl_address(const struct nlattr *attribute, struct address *address)
{
	size_t size = attribute ? mnl_attr_get_payload_len(attribute) : 0;

	memset(address, 0, sizeof(*address));
	if (size != 4 && size != 16)
		return false;
	address->family = size == 4 ? AF_INET : AF_INET6;
	memcpy(address->bytes, mnl_attr_get_payload(attribute), size);
	return true;
}

/** nl_string() - a string, if it has its end; else NULL */
const char *nl_string(const struct nlattr *attribute)
{
	if (!attribute || mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0)
		return NULL;
	return mnl_attr_get_payload(attribute);
}
