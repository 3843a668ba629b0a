"""The page kit: every page of the application is a ui.kit.Page handed to ui.render.page.

kit       what pages are made of, as data       listing, bound, paging   lists, their selection, their pages
render    a Page as HTML, or the part htmx asks for     registry   what upper rooms add: Tell Me, cues, companies
roles     who may do what                       context    the frame around a page

To add a page: a function view guarded by @requires(Can.X), a Page, a line in the room's urls, an Entry for Tell Me.
Templates are in templates/ui/, one per part and named as its class in static/ui/components.css. No style and no script
stands in a page: the content security policy refuses both. Nothing here imports another room.
"""
