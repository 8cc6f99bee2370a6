/** A request of this page as a command for a POSIX shell. */

/** Quote for a shell, whatever the text holds. */
export function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Write the command. The key itself is not in it: commands end up in chats and histories.
 * A body comes from the file where there is one, and else along with the command, which a
 * shell takes at any length only as its input.
 */
export function curlOf({ method, url, contentType, body, fileName, needsKey }) {
  const parts = ["curl -sS"];
  if (needsKey) parts.push('-H "Authorization: Bearer $NEXTDAY_KEY"');
  if (method === "GET") return [...parts, quoted(url)].join(" ");
  parts.push(quoted(url), "-H", quoted(`Content-Type: ${contentType}`), "--data-binary");
  if (fileName !== undefined) return [...parts, quoted(`@${fileName}`)].join(" ");
  let end = "NEXTDAY";
  while (body.includes(end)) end += "_";
  return `${parts.join(" ")} @- <<'${end}'\n${body}\n${end}\n`;
}

/** Put text on the clipboard, also where the page has no secure origin. */
export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "hidden-text";
  document.body.append(field);
  const had = document.activeElement;
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  had?.focus();
  if (!done) throw new Error("this browser did not let the page copy");
}
