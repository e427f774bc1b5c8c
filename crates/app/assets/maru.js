// What the pages do beyond plain forms. Everything here may be missing: the pages work without it.
'use strict';

// htmx puts pieces of pages that this server made into the page. Texts in them are escaped, so an element
// that runs or loads something is none of ours, and is not let in. (The policy of the page forbids such
// things to run anyway; this is the second lock.)
const ACTIVE = /<\s*(script|iframe|frame|object|embed|base|meta|link|style|img|video|audio|source|portal)\b|<[^>]*[\s"'/]on[a-z]+\s*=/i;
if (window.trustedTypes) {
  window.trustedTypes.createPolicy('default', {
    createHTML: (html) => {
      if (ACTIVE.test(html)) throw new TypeError('active content in a piece of a page');
      return html;
    },
  });
}

document.addEventListener('DOMContentLoaded', () => {
  const { body } = document;
  const words = body.dataset;
  const messages = document.getElementById('messages');
  const composer = document.getElementById('composer');
  const status = document.getElementById('status');
  if (!messages) return;

  const say = (text) => { status.textContent = text; };

  // Blocks of code get a bar with their language and a button.
  const dress = () => {
    for (const pre of messages.querySelectorAll('.message:not(.live) .prose pre, .settled pre')) {
      if (pre.parentElement.className === 'code') continue;
      const box = document.createElement('div');
      const bar = document.createElement('div');
      const language = document.createElement('span');
      const copy = document.createElement('button');
      box.className = 'code';
      language.textContent = pre.dataset.lang || '';
      copy.type = 'button';
      copy.className = 'quiet';
      copy.textContent = words.copy;
      copy.addEventListener('click', async () => {
        try {
          await navigator.clipboard.writeText(pre.textContent);
        } catch {
          const range = document.createRange();
          range.selectNodeContents(pre);
          const selection = getSelection();
          selection.removeAllRanges();
          selection.addRange(range);
          if (!document.execCommand('copy')) return;
        }
        copy.textContent = words.copied;
        say(words.copied);
        setTimeout(() => { copy.textContent = words.copy; }, 1600);
      });
      bar.append(language, copy);
      pre.before(box);
      box.append(bar, pre);
    }
  };

  // Who reads the end goes on reading the end.
  let atEnd = true;
  const root = document.documentElement;
  const toEnd = () => scrollTo({ top: root.scrollHeight, behavior: 'instant' });
  addEventListener('scroll', () => { atEnd = innerHeight + scrollY >= root.scrollHeight - 120; }, { passive: true });
  new MutationObserver(() => { dress(); if (atEnd) toEnd(); }).observe(messages, { childList: true, subtree: true, attributeFilter: ['class'] });
  dress();
  if (messages.querySelector('.message')) toEnd();

  messages.addEventListener('htmx:sseOpen', () => say(words.answering));
  messages.addEventListener('htmx:sseClose', (event) => {
    if (event.detail.type !== 'message') return;
    say(words.answered);
    // The button that stopped it is about to go.
    if (event.target.contains(document.activeElement) && composer) composer.elements.content.focus();
  });

  if (!composer) return;
  const text = composer.elements.content;
  const trouble = document.getElementById('trouble');
  const tell = (words) => {
    const line = document.createElement('p');
    line.className = 'wrong';
    line.textContent = words;
    trouble.replaceChildren(line);
  };
  const touch = matchMedia('(pointer: coarse)').matches;
  if (!touch) {
    document.getElementById('content-hint').hidden = false;
    text.focus({ preventScroll: true });
  }
  text.addEventListener('keydown', (event) => {
    // Enter that ends a syllable of Korean is not meant for the form.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229 || touch) return;
    event.preventDefault();
    if (text.value.trim() && !composer.querySelector('button').disabled) composer.requestSubmit();
  });
  composer.addEventListener('htmx:beforeRequest', () => { trouble.replaceChildren(); atEnd = true; });
  composer.addEventListener('htmx:afterRequest', (event) => {
    if (event.detail.successful) composer.reset();
    if (!touch) text.focus({ preventScroll: true });
  });
  body.addEventListener('htmx:sendError', () => tell(words.offline));
  body.addEventListener('htmx:timeout', () => tell(words.offline));
  body.addEventListener('htmx:swapError', () => tell(words.trouble));
});
