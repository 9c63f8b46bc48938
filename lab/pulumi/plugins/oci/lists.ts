/** The items of all pages of a list. */
export async function allItems<Item>(
  getPage: (page: { page?: string }) => Promise<{ items: Item[]; opcNextPage?: string }>,
): Promise<Item[]> {
  const items: Item[] = [];
  let page: string | undefined;
  do {
    const answer = await getPage({ page });
    items.push(...answer.items);
    page = answer.opcNextPage;
  } while (page);
  return items;
}
